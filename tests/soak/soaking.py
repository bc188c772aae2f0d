"""A soak: windows of load with one fault each, every window judged by a ledger of its own.

The link is TLS, as in production: without it a bit that flips inside a text makes another text,
and nobody can tell.
"""

import json
import random
import ssl
from collections.abc import Callable
from pathlib import Path

import trio
import trustme
from tests.soak.faults import FAULTS, World
from tests.soak.host import AUTHORITY, START_LIMIT, RunningHost, Usage, running
from tests.soak.report import Report

from trunkline.simulator import Plan, Simulator, chaos_proxy
from trunkline.simulator.ledger import Ledger

TICK = 0.02  # s between two pushes of load
MARK = 0.25  # s between two tries to get a marker through
RETURN_LIMIT = 120.0  # s for a host to be back after any fault
LOOK = 5.0  # s between two looks at the process


class Soak:
    """One run; `report` holds the figures at any time."""

    def __init__(
        self, *, seed: int, folder: Path, rate: int, every: float, show: Callable[[str], None]
    ) -> None:
        self._seed = seed
        self._rng = random.Random(seed)
        self._folder = folder
        self._rate = rate
        self._every = every
        self._show = show
        self._simulator = Simulator(seed=seed, queue_limit=100_000)
        self._ledger = Ledger()
        self._commands = Ledger()
        self._counted_at = 0.0  # on Trio's clock: what the server got before is counted
        self._number = 0
        self._marker = 0
        self._marked = trio.Event()
        self._is_loading = False
        self.report = Report()
        self.last_fault = "none yet"

    async def run(self, seconds: float) -> None:
        """Soak for so long."""
        world: World | None = None
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self._folder / AUTHORITY))
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        async with (
            self._simulator.listen(tls=tls) as url,
            chaos_proxy(url, lambda _: _nothing(world)) as proxied,
            running(proxied, self._folder) as host,
            trio.open_nursery() as nursery,
        ):
            world = World(self._simulator, self._rng, host.process.pid, self._push)
            nursery.start_soon(self._follow, host)
            nursery.start_soon(self._load)
            nursery.start_soon(self._look, host)
            with trio.fail_after(START_LIMIT):
                await self._mark()
            started = trio.current_time()
            while trio.current_time() - started < seconds:
                await self._window(world)
                self.report.seconds = trio.current_time() - started
            nursery.cancel_scope.cancel()

    async def _window(self, world: World) -> None:
        """Load, one fault, quiet, and the judgement."""
        self._ledger = Ledger()
        self._ledger.ready()
        self._ledger.subscribed("watcher", "audit")
        name = self.last_fault = self._rng.choice([*FAULTS])
        end = trio.current_time() + self._every
        self._is_loading = True
        await trio.sleep(self._rng.uniform(0.2, self._every / 2))
        self._show(
            f"{self.report.seconds / 60:5.1f} min  {self.report.delivered} delivered  now: {name}"
        )
        began = trio.current_time()
        await FAULTS[name](world)
        with trio.fail_after(RETURN_LIMIT):
            await self._mark()
        returned = trio.current_time() - began
        await trio.sleep_until(end)
        self._is_loading = False
        with trio.fail_after(RETURN_LIMIT):
            await self._mark()
        self._judge(name, returned)

    def _judge(self, name: str, returned: float) -> None:
        report, found = self.report, self._ledger.verify("B1", "B2")
        now = trio.current_time()
        for received in self._simulator.received:
            if self._counted_at < received.at <= now:
                self._count(received.frame)
        self._counted_at = now
        self._commands.verify("B6")
        report.windows += 1
        report.faults[name] += 1
        report.sent += found.sent
        report.delivered += found.delivered
        report.inside_gaps += found.inside_gaps
        report.gaps += found.gaps
        report.slowest_return = max(report.slowest_return, returned)

    def _count(self, frame: str | bytes) -> None:
        """Count what the server got of commands and activity."""
        message = json.loads(frame)
        if message["type"] == "activity" and message.get("event") == "action":
            self.report.activities += 1
        if message["type"] == "command":
            self._commands.command(message["message"], "executed")

    # load

    def _push(self, count: int) -> None:
        for _ in range(count):
            self._number += 1
            self._ledger.sent(self._number, "audit")
            self._simulator.push({"topic": "audit", "type": "audit_event", "n": self._number})

    async def _load(self) -> None:
        while True:
            if self._is_loading:
                self._push(max(1, round(self._rate * TICK)))
                self._simulator.push({"topic": "runners", "type": "runner_updated"})
            await trio.sleep(TICK)

    async def _mark(self) -> None:
        """Return once a marker has gone all the way: everything before it is told."""
        self._marker += 1
        self._marked = trio.Event()
        while not self._marked.is_set():
            self._simulator.push({"topic": "audit", "type": "mark", "marker": self._marker})
            with trio.move_on_after(MARK):
                await self._marked.wait()

    # what the host says

    async def _follow(self, host: RunningHost) -> None:
        async for line in host.lines():
            match line.split():
                case "event", number, epoch:
                    self._ledger.delivered(int(number), "watcher", int(epoch), "audit")
                case "gap", cause, dropped:
                    self._ledger.gap("watcher", cause, int(dropped))
                case "marker", number:
                    if int(number) == self._marker:
                        self._marked.set()
                case word, number:
                    self.report.commands[word] += 1
                    self._commands.command(int(number), word)

    async def _look(self, host: RunningHost) -> None:
        while True:
            await trio.sleep(LOOK)
            self.report.usage.append(Usage.of(host.process.pid))


def _nothing(world: World | None) -> Plan:
    return Plan() if world is None else world.plan
