"""Compares a plugin's store with the server now and then, because a server can go deaf.

Its bus gone, it answers pings and says that it is healthy, and no event is ever pushed again
(protocol §12): the store would be wrong for ever, and nobody would know.
"""

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

import trio

from trunkline import Event, PluginContext
from trunkline_plugins.asking import FAILURES

STATE = "connection.state"
REPAIRED = "store.repaired"
INTERVAL = 300.0  # s; a list or two of the server's HTTP side for each plugin


async def wait_connected(ctx: PluginContext[Any]) -> None:
    """Wait until the connection is up; at once where it is."""
    async with ctx.events("system", is_connected) as events:  # retained: who comes late is told
        async for _ in events:
            return
    await trio.sleep_forever()  # the host is stopping, and cancels us


@contextmanager
def within_one_link(ctx: PluginContext[Any], limit: float) -> Iterator[None]:
    """Give up what has taken `limit` seconds of one link; while there is none it may wait.

    So what is given up has left: it was not merely waiting for the link.

    Raises:
        trio.TooSlowError: it was given up.
    """
    with trio.CancelScope(deadline=trio.current_time() + limit) as scope:

        def note(event: Event) -> None:
            scope.deadline = trio.current_time() + limit if is_connected(event) else math.inf

        undo = ctx.subscribe("system", note, is_state)
        try:
            yield
        finally:
            undo()
    if scope.cancelled_caught:
        raise trio.TooSlowError


def is_state(event: Event) -> bool:
    """Tell whether an event is of the connection's state."""
    return event.type == STATE


def is_connected(event: Event) -> bool:
    """Tell whether an event says that the connection is up."""
    return event.type == STATE and event.get("new") == "connected"


class Reconciling:
    """Compares again and again, repairs, and knows what to say about it in `status`."""

    def __init__(
        self,
        ctx: PluginContext[Any],
        compare: Callable[[], Awaitable[list[str]]],
        *,
        topic: str,
        interval: float = INTERVAL,
    ) -> None:
        """Call `compare` every `interval` seconds; it repairs, and returns the ids it repaired.

        A difference is published on `topic` as `store.repaired`.
        """
        self._ctx = ctx
        self._compare = compare
        self._topic = topic
        self._interval = interval
        self._stalled_since: datetime | None = None
        self._repaired_count = 0
        self._failure = ""

    async def run(self) -> NoReturn:
        """Go on until cancelled; what the server cannot answer is tried again in time."""
        while True:
            await trio.sleep(self._interval)
            await wait_connected(self._ctx)
            try:
                repaired = await self._compare()
            except FAILURES as exc:
                self._failure = str(exc)
                self._ctx.log.warning("reconcile.failed", extra={"reason": self._failure})
                continue
            self._failure = ""
            self._note(repaired)

    def alive(self) -> None:
        """An event has come: the server pushes."""
        self._stalled_since = None

    def line(self) -> str:
        """Return what to add to the line in `status`; nothing while all is well."""
        if self._stalled_since is not None:
            since = self._stalled_since.strftime("%H:%M:%S UTC")
            return f"; stalled: {self._repaired_count} repaired at {since}, no event since"
        return f"; cannot be compared with the server: {self._failure}" if self._failure else ""

    def _note(self, repaired: list[str]) -> None:
        if not repaired:
            return
        self._stalled_since = datetime.now(UTC)
        self._repaired_count = len(repaired)
        self._ctx.log.warning("reconcile.repaired", extra={"count": len(repaired)})
        told = {"type": REPAIRED, "ids": repaired, "count": len(repaired)}
        self._ctx.publish(self._topic, REPAIRED, told)
