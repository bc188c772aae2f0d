"""Reports what a connection sees to a ledger: events by their `n`, gaps, READY."""

from collections.abc import Callable

from trunkline.connection.connection import Connection
from trunkline.connection.states import ConnectionState, StateChange
from trunkline.events import Event, Gap
from trunkline.simulator.ledger import Ledger


def watch(ledger: Ledger, connection: Connection, name: str, topic: str) -> Callable[[], None]:
    """Subscribe to `topic` as `name` and report all that comes; return what ends it."""

    def deliver(event: Event) -> None:
        ledger.delivered(event.get("n"), name, event.epoch, event.topic, event.origin)

    def gap(gap: Gap) -> None:
        ledger.gap(name, gap.cause, gap.dropped)

    def changed(change: StateChange) -> None:
        if change.new is ConnectionState.CONNECTED:
            ledger.ready()

    if connection.state is ConnectionState.CONNECTED:
        ledger.ready()
    ledger.subscribed(name, topic)
    forget = connection.on_state_change(changed)
    undo = connection.subscribe(topic, deliver, on_gap=gap)

    def end() -> None:
        undo()
        forget()
        ledger.ended(name)

    return end
