"""A host in memory: real but for the network, which is the simulator's, and for time."""

import json
import random
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trunkline.activity.tracker import Tracker
from trunkline.background import background_nursery
from trunkline.config import EVERY_TOPIC, Secret, config_from_mapping
from trunkline.connection.protocol import fallback_rules
from trunkline.connection.states import ConnectionState
from trunkline.events import Event, Gap
from trunkline.host import Host
from trunkline.plugin.filters import filters_from_config
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.states import PluginState
from trunkline.plugin.suggest import did_you_mean
from trunkline.simulator import Faults, Plan, Simulator
from trunkline.testing.contained import Contained, ContainedError, WatchedSink
from trunkline.testing.finding import Only, found_plugins

URL = "ws://127.0.0.1:1/api/v1/ws/unified"  # nobody is dialled
TOKEN = "demo-token"  # noqa: S105 - the simulator's, an administrator of its first account
WALL = 1_767_225_600.0  # 2026-01-01T00:00:00Z, when every test begins
SEED = 1
SETTLE_LIMIT = 600.0  # s of virtual time for what was woken to come to rest
LINK_LIMIT = 600.0  # s for the next link; refused attempts are at most 360 s apart
VIRTUAL_POLL = 1.0  # s; there may be no deadline now, and many soon
REAL_POLL = 0.01  # s between two looks while something real is under way

#: What the fixture is: called with plugins and their tables, it runs a host for a scope.
HostFactory = Callable[..., AbstractAsyncContextManager["HostUnderTest"]]


class HostUnderTest:
    """A running host, the server on its other side, and all that has happened."""

    def __init__(
        self,
        host: Host,
        simulator: Simulator,
        sinks: Mapping[str, WatchedSink],
        contained: Contained,
    ) -> None:
        self.host = host
        """The host itself, for what has no short form here."""
        self.simulator = simulator
        """The server: its world, and what it has received."""
        self._sinks = sinks
        self._contained = contained
        self._events: list[Event] = []
        self._gaps: list[Gap] = []
        host.router.subscribe(EVERY_TOPIC, self._events.append, on_gap=self._gaps.append)

    @property
    def tracker(self) -> Tracker:
        """Records activity, as the program around a host does."""
        return self.host.tracker

    def plugin(self, name: str) -> PluginRecord:
        """Return where a plugin stands: its state, and the reason."""
        return {record.name: record for record in self.host.records}[name]

    def note(self, name: str) -> str:
        """Return the line that a plugin shows in `trunkline status`."""
        return {runner.record.name: runner.note for runner in self.host.runners}[name]

    async def push(self, frame: Mapping[str, Any] | str) -> None:
        """Let the server push a message, or a text as it is; return when all it woke is idle."""
        if isinstance(frame, str):
            self.simulator.push_text(frame)
        else:
            self.simulator.push(frame)
        await self.host.connection.barrier()
        await self.settle()

    async def settle(self) -> None:
        """Return when every handler is idle and no task can go on without time passing.

        Raises:
            AssertionError: some handler still has events waiting after 600 s.
        """
        with trio.move_on_after(SETTLE_LIMIT):
            while True:
                await wait_all_tasks_blocked()
                if self.host.router.is_drained():
                    return
                await _pass_time()
        waiting = self.host.router.statistics().waiting_count
        raise AssertionError(f"handlers are not idle after {SETTLE_LIMIT:g} s; {waiting} waiting")

    async def flush(self) -> None:
        """Let the sinks take everything they have been offered."""
        await self.settle()
        await self.tracker.flush()

    async def drop_connection(self, code: int | None = None) -> None:
        """Lose the socket, by a close code or (None) without a word; return in the next epoch.

        Raises:
            AssertionError: there is no link again after 600 s.
        """
        connection = self.host.connection
        epoch = connection.status.epoch
        self.simulator.close_all(code)
        with trio.move_on_after(LINK_LIMIT):
            while (
                connection.status.epoch == epoch
                or connection.state is not ConnectionState.CONNECTED
            ):
                await _pass_time()
            await self.settle()
            return
        raise AssertionError(
            f"no link again {LINK_LIMIT:g} s after `drop_connection`; the last attempt failed: "
            f"{connection.status.cause}"
        )

    def published(self, topic: str) -> list[Event]:
        """Return the events of `topic` that have passed the filters, oldest first."""
        return [event for event in self._events if event.topic == topic]

    def gaps(self) -> list[Gap]:
        """Return the gaps that every subscription was told of, oldest first."""
        return list(self._gaps)

    def delivered(self, sink: str) -> list[Event]:
        """Return what a sink has taken, by its full name, `plugin.sink`.

        Raises:
            LookupError: there is no such sink.
        """
        if sink not in self._sinks:
            raise LookupError(f"no sink `{sink}`; there are: {', '.join(self._sinks) or 'none'}")
        return list(self._sinks[sink].taken)

    def sent(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the messages of a type that the server has received, oldest first."""
        messages = [json.loads(each.frame) for each in self.simulator.received]
        return [message for message in messages if message.get("type") == kind]

    def errors(self) -> list[ContainedError]:
        """Take the errors of plugins that the host has contained; what nobody takes fails the test."""
        taken = list(self._contained.errors)
        self._contained.errors.clear()
        return taken


@asynccontextmanager
async def running_host(
    only: Only = (),
    config: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    faults: str = "",
    simulator: Simulator | None = None,
    **tables: Any,
) -> AsyncIterator[HostUnderTest]:
    """Run a host with the plugins of `only`, and stop it in order at the end.

    `only` holds names of installed plugins and built-ins, paths of files, modules or instances;
    nothing else that is installed is loaded. `config` is `{plugin: its table}`, `tables` are
    further tables of the configuration, such as `filter=[{...}]`. `faults` are words of
    `simulate --fault` for the network; `simulator` takes the place of the usual one.

    Raises:
        AssertionError: a plugin does not load, a table is for none of them, or an error that was
            contained was not taken.
        ConfigError: the tables cannot be used.
    """

    def walltime() -> float:
        return WALL + trio.current_time()

    contained = Contained()
    simulator = simulator or Simulator(
        seed=SEED, faults=Faults(plan=Plan.parse(faults, SEED)), walltime=walltime
    )
    rng = random.Random(SEED)  # noqa: S311 - repeatable on purpose
    with contained.listening():
        settings = config_from_mapping(_mapping(config, tables))
        loaded = load(
            settings,
            found=found_plugins(only),
            filters=filters_from_config(settings.filters, rng),
            fallbacks=fallback_rules(),
        )
        _check_loaded(loaded.records, config or ())
        loaded, sinks = _watched(loaded, contained)
        async with simulator.in_memory() as dial:
            host = Host(settings, loaded=loaded, dial=dial, rng=rng, walltime=walltime)
            bench = HostUnderTest(host, simulator, sinks, contained)
            ended = trio.Event()
            async with background_nursery() as nursery:
                await nursery.start(_run, host, ended)
                try:
                    await host.connection.wait_connected()
                    await bench.settle()
                    yield bench
                except BaseException as exc:
                    for error in bench.errors():
                        exc.add_note(f"contained: {error}")
                    raise
                host.stop()
                await ended.wait()
    if errors := bench.errors():
        text = "\n".join(str(error) for error in errors)
        raise AssertionError(f"contained, and not taken by `errors()`:\n{text}") from next(
            (error.exception for error in errors if error.exception is not None), None
        )


async def _pass_time() -> None:
    """Return when something may have changed: virtual time goes on to the next deadline."""
    left = trio.lowlevel.current_statistics().seconds_to_next_deadline
    clock = trio.lowlevel.current_clock()
    is_virtual = isinstance(clock, MockClock) and clock.rate == 0
    await trio.sleep(min(left, VIRTUAL_POLL if is_virtual else REAL_POLL))


async def _run(host: Host, ended: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
    """Run the host, which keeps its own deadline when it stops."""
    await host.run(handle_signals=False, task_status=task_status)
    ended.set()


def _mapping(
    config: Mapping[str, Mapping[str, Any]] | None, tables: Mapping[str, Any]
) -> dict[str, Any]:
    connection = {"url": URL, "token": Secret(TOKEN), **tables.get("connection", {})}
    return {**tables, "connection": connection, "plugin": dict(config or {})}


def _check_loaded(records: Sequence[PluginRecord], tables: Collection[str]) -> None:
    names = [record.name for record in records]
    wrong = [record.failure for record in records if record.state is PluginState.FAILED]
    wrong += [
        f"`config` has a table for `{name}`, which `only` does not{did_you_mean(name, names)}"
        for name in tables
        if name not in names
    ]
    if wrong:
        raise AssertionError("\n".join(wrong))


def _watched(loaded: Loaded, contained: Contained) -> tuple[Loaded, dict[str, WatchedSink]]:
    """Put a watch on every sink; return what is to be run, and the sinks by name."""
    sinks = {rule.name: WatchedSink(rule, contained) for rule in loaded.sinks}
    plugins = tuple(
        attrs.evolve(
            plugin,
            sinks=tuple(
                attrs.evolve(rule, sink=sinks[rule.name])  # type: ignore[arg-type] # wants `ctx`, as a plugin's may
                for rule in plugin.sinks
            ),
        )
        for plugin in loaded.plugins
    )
    return attrs.evolve(loaded, plugins=plugins), sinks
