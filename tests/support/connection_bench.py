"""What the connection tests stand on: a connection over the simulator's memory streams."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from lane_bench import DEFAULTS

from trunkline.activity.tracker import Tracker
from trunkline.config import connection_settings
from trunkline.connection.connection import Connection
from trunkline.connection.protocol import fallback_rules
from trunkline.connection.states import ConnectionState, StateChange
from trunkline.events import Event, Gap
from trunkline.routing.router import Router
from trunkline.routing.table import RouteTable
from trunkline.simulator import Simulator
from trunkline.transport.dialler import Dial

CONNECTED, RECONNECTING = ConnectionState.CONNECTED, ConnectionState.RECONNECTING

URL = "ws://127.0.0.1:1/api/v1/ws/unified"
TOKEN = "demo-token"


@attrs.define
class Bench:
    """A connection, its other side, and a log of all that a subscriber to everything saw."""

    connection: Connection
    simulator: Simulator
    router: Router
    changes: list[StateChange]
    seen: list[Event | Gap]
    attempts: list[float]
    """When each attempt dialled, on Trio's clock."""
    wall_shift: float = 0.0
    """s by which the wall clock was set."""

    def walltime(self) -> float:
        return 1_795_000_000 + trio.current_time() % 1_000_000 + self.wall_shift

    @property
    def states(self) -> list[str]:
        return [change.new.value for change in self.changes]

    def events(self, topic: str) -> list[Event]:
        return [item for item in self.seen if isinstance(item, Event) and item.topic == topic]

    @property
    def gaps(self) -> list[Gap]:
        return [item for item in self.seen if isinstance(item, Gap)]

    def sent(self, kind: str) -> list[str]:
        frames = [str(got.frame) for got in self.simulator.received]
        return [frame for frame in frames if f'"type":"{kind}"' in frame]

    async def until(self, state: ConnectionState, within: float = 600) -> None:
        with trio.fail_after(within):
            while self.connection.state is not state:
                await self.next_change()

    async def next_change(self) -> None:
        """Wait until the state changes."""
        changed = trio.Event()
        undo = self.connection.on_state_change(lambda _: changed.set())
        try:
            await changed.wait()
        finally:
            undo()

    async def lose(self, code: int | None = None) -> None:
        """End the socket from the server's side and wait until it is noticed."""
        epoch = self.connection.status.epoch
        self.simulator.close_all(code)
        with trio.fail_after(5):
            await self.next_change()
        assert self.connection.status.epoch == epoch


@asynccontextmanager
async def open_bench(
    simulator: Simulator | None = None,
    *,
    token: Any = TOKEN,
    dial: Dial | None = None,
    wrap: Callable[[Dial], Dial] | None = None,
    tracker: Tracker | None = None,
    greets: bool = False,
    seed: int = 1,
    **settings: Any,
) -> AsyncIterator[Bench]:
    """Run a connection against a simulator in memory; nothing waits for it to be connected."""
    simulator = simulator or Simulator(seed=seed)
    attempts: list[float] = []

    def walltime() -> float:
        return bench.walltime()

    async with simulator.in_memory() as reach, trio.open_nursery() as nursery:
        inner: Any = dial or reach
        if wrap is not None:
            inner = wrap(inner)

        async def counted(endpoint: Any, on_phase: Callable[[str], None]) -> trio.abc.Stream:
            attempts.append(trio.current_time())
            stream: trio.abc.Stream = await inner(endpoint, on_phase)
            return stream

        router = Router(RouteTable(fallbacks=fallback_rules()), walltime=walltime)
        router.serve(nursery)
        connection = Connection(
            connection_settings(URL, token, **{**DEFAULTS, **settings}),
            router,
            tracker or Tracker(walltime=walltime),
            greets=greets,
            dial=counted,
            rng=random.Random(seed),
            walltime=walltime,
        )
        bench = Bench(connection, simulator, router, [], [], attempts)
        connection.on_state_change(bench.changes.append)
        connection.subscribe("*", bench.seen.append, on_gap=bench.seen.append)
        nursery.start_soon(connection.run)
        try:
            yield bench
        finally:
            nursery.cancel_scope.cancel()
