"""The composition root: builds everything from a config, owns the nursery, stops in order."""

import os
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from trunkline.activity.activity import Activity
from trunkline.activity.stages import Stages
from trunkline.activity.tracker import Tracker
from trunkline.activity.visitor import keep_visitor_id, visitor_id
from trunkline.background import until
from trunkline.config import IN_MEMORY, Config, load_config
from trunkline.connection.connection import Connection
from trunkline.connection.protocol import fallback_rules
from trunkline.connection.states import ConnectionState
from trunkline.errors import ConfigError, Interrupted, RequiredPluginMissing
from trunkline.events import Gap
from trunkline.host.asking import open_door
from trunkline.host.drain import Drain
from trunkline.host.privacy import stages_of
from trunkline.host.proxies import proxy_warning
from trunkline.host.reporting import host_status
from trunkline.host.signals import watch_signals
from trunkline.host.threaded import BackgroundHost
from trunkline.plugin.backfill import Backfill
from trunkline.plugin.filters import filters_from_config
from trunkline.plugin.judging import table_problems
from trunkline.plugin.lease import Services
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.runner import Limits, PluginRunner
from trunkline.plugin.states import PluginState
from trunkline.routing.router import Router
from trunkline.transport.dialler import Dial
from trunkline.watchdog import watched

if TYPE_CHECKING:
    import httpx

#: Brings messages from elsewhere than a server; returns when there are no more.
Feed = Callable[[Router], Awaitable[None]]


class Host:
    """One process: the connection, the router, the plugins, the sinks."""

    def __init__(
        self,
        config: Config,
        *,
        tracker: Tracker | None = None,
        safe: bool = False,
        disable: Collection[str] = (),
        loaded: Loaded | None = None,
        dial: Dial | None = None,
        http_transport: "httpx.AsyncBaseTransport | None" = None,
        feed: Feed | None = None,
        rng: random.Random | None = None,
        walltime: Callable[[], float] = time.time,
    ) -> None:
        """Load every plugin and build the parts; nothing runs and no socket is opened yet.

        `loaded` replaces what is installed and in `[plugins] paths`. `feed` takes the server's
        place: nothing connects, and the host stops when it returns.

        Raises:
            ConfigError: the configuration cannot be used; every problem at once.
            RequiredPluginMissing: a plugin in `[plugins] require` is missing or broken.
            UsageError: `disable` names no plugin.
        """
        self.config = config
        self._feed = feed
        self.http_port: int | None = None
        """Where `[host] http` is served, once it is."""
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self.loaded = loaded or load(
            config,
            safe=safe,
            disable=disable,
            filters=filters_from_config(config.filters, self._rng),
            fallbacks=fallback_rules(),
        )
        self.loaded.require()
        self.warnings = (*config.warnings, *self.loaded.warnings, *proxy_warning())
        self.tracker = tracker or Tracker(walltime=walltime)
        stages = stages_of(config, self.tracker)
        if not config.activity.enabled:
            self.tracker.disable()
        self.router = Router(self.loaded.table, walltime=walltime)
        visitor = visitor_id(config.host.data) if self.tracker.is_enabled() else None
        if visitor is not None:
            self.tracker.visitor_id = visitor
        self.connection = Connection(
            config.connection,
            self.router,
            self.tracker,
            greets=self.loaded.greets,
            shares=self.loaded.shares,
            visitor_id=visitor,
            on_gap=self._on_gap,
            dial=dial,
            http_transport=http_transport,
            rng=self._rng,
            walltime=walltime,
        )
        services = Services(self.router, self.connection, self.tracker, walltime)
        limits = Limits(config.host.start_timeout, config.host.stop_timeout)
        self.runners = [
            PluginRunner(plugin, services, limits, rng=self._rng, on_change=self._on_change)
            for plugin in self.loaded.plugins
        ]
        self.activity = self._build_activity(stages, walltime)
        self._backfill = Backfill(self.runners, self.router, walltime)
        self._nursery: trio.Nursery | None = None
        self._stopping = trio.Event()
        parts = (self.connection, self.tracker, self.router, self.activity, self.runners)
        self._drain = Drain(*parts, limit=config.host.stop_timeout)
        self._missing: str | None = None
        self._started_at = walltime()

    def _build_activity(self, stages: Stages, walltime: Callable[[], float]) -> Activity:
        running = {runner.record.name for runner in self.runners}
        path = self.config.activity.path
        return Activity(
            self.tracker,
            [rule for runner in self.runners for rule in runner.bound_sinks()],
            self._rng,
            path=None if path == IN_MEMORY else Path(path),
            stages=stages,
            link=self.connection,
            away=[record.name for record in self.records if record.name not in running],
            walltime=walltime,
        )

    @classmethod
    def from_file(cls, path: str | Path, **options: Any) -> "Host":
        """Load the configuration at `path` and build a host; `options` are those of `Host`.

        Raises:
            ConfigError: the file cannot be used; the problems of plugins' tables stand beside
                those of the core's.
            RequiredPluginMissing: a plugin in `[plugins] require` is missing or broken.
            UsageError: `disable` names no plugin.
        """
        try:
            config = load_config(path)
        except ConfigError as exc:
            if exc.partial is None:
                raise
            found = table_problems(exc.partial, **options)
            raise ConfigError([*exc.problems, *found]) from None
        return cls(config, **options)

    @property
    def records(self) -> tuple[PluginRecord, ...]:
        """Where every plugin stands: those that run, then those that did not load."""
        running = {(r.record.name, r.record.source): r.record for r in self.runners}
        return tuple(running.get((r.name, r.source), r) for r in self.loaded.records)

    def status(self) -> Mapping[str, Any]:
        """Return what `trunkline status` shows, as plain data."""
        return host_status(self, os.getpid(), self._started_at)

    def metrics(self) -> bytes:
        """Return the same figures as Prometheus reads them."""
        from trunkline.host.metrics import render  # 60 ms that only those pay who ask

        return render(self)

    def unready(self) -> str | None:
        """Return why the host is not ready to be relied on; None if it is."""
        if self.connection.state is not ConnectionState.CONNECTED:
            return f"the connection is {self.connection.state.value}"
        if self.activity.degraded is not None:
            return f"the outbox cannot be written: {self.activity.degraded}"
        return None

    def stop(self, *, within: float | None = None) -> None:
        """Begin an orderly stop, `within` fewer seconds than `[host] stop_timeout` if need be."""
        if within is not None:
            self._drain.limit = min(self._drain.limit, within)
        self._stopping.set()

    def start_in_thread(self) -> BackgroundHost:
        """Run in a thread of its own; return when every part runs, connected or not.

        Raises:
            TrunklineError, OSError: what a part could not start for.
        """
        background = BackgroundHost(self)
        background.start()
        return background

    async def run(
        self,
        *,
        handle_signals: bool = True,
        on_stop: Callable[[float], None] | None = None,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run until `stop`, a signal, or a cancel.

        Signals are handled in the main thread only, where `handle_signals` says so. `on_stop` is
        told, when a stop begins and when it is cut short, within how many seconds all should end.

        Raises:
            OutboxLocked: another host has the outbox.
            OutboxUnavailable: it cannot be opened.
            ConfigError: its file is not ours to use.
            RequiredPluginMissing: a required plugin failed while running.
            Interrupted: a second signal came before the stop was done.
        """
        self._drain.on_stop = on_stop or self._drain.on_stop
        await self.activity.open()
        try:
            with watched(owner_of=self.loaded.owner_of):
                was_interrupted = await self._run_parts(task_status, handle_signals=handle_signals)
        finally:
            self.router.close()  # also after a cancel: whoever iterates outside is at the end
            await self.activity.close()
        if self._missing is not None:
            raise RequiredPluginMissing(self._missing)
        if was_interrupted:
            raise Interrupted("a second signal came before the stop was done")

    async def _run_parts(self, task_status: trio.TaskStatus[None], *, handle_signals: bool) -> bool:
        """Start everything in order, wait for the stop, and stop; True if it was cut short."""
        was_interrupted = False
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._keep_visitor()
            self.router.serve(nursery)
            if handle_signals:
                await nursery.start(watch_signals, self._stopping, self._drain.hurry)
            self.http_port = await open_door(self, nursery)
            for record in self.records:  # retained: who subscribes late learns what failed at load
                self._announce(record, record)
            await nursery.start(self.activity.run)
            await nursery.start(self.activity.follow, self.router)
            for runner in self.runners:
                nursery.start_soon(runner.run)
            await self._wait_plugins()
            if self._feed is not None:
                nursery.start_soon(self._run_feed, self._feed)
            elif not self._stopping.is_set():
                await nursery.start(self.connection.run)
            task_status.started()
            await self._stopping.wait()
            await self._drain.run()
            was_interrupted = self._drain.hurry.is_set()
            nursery.cancel_scope.cancel()
        return was_interrupted

    def _keep_visitor(self) -> None:
        """Remember who we are; not before running, for `check` leaves nothing behind."""
        if self.tracker.is_enabled() and self.config.host.data is not None:
            keep_visitor_id(self.config.host.data, self.tracker.visitor_id)

    async def _run_feed(self, feed: Feed) -> None:
        self.connection.drain()  # nothing that is sent can leave
        await feed(self.router)
        self.stop()

    async def _wait_plugins(self) -> None:
        """Let plugins delay the first connect, by `start_timeout` at most, and no stop."""
        with trio.move_on_after(self.config.host.start_timeout):
            async with until(self._stopping):
                for runner in self.runners:
                    await runner.wait_settled()

    def _announce(self, old: PluginRecord, new: PluginRecord) -> None:
        self.router.announce("plugin.state", new.change_from(old), key=f"plugin.state:{new.name}")

    def _on_change(self, old: PluginRecord, new: PluginRecord) -> None:
        self._announce(old, new)
        required = {runner.record.name for runner in self.runners if runner.plugin.is_required}
        if new.state is PluginState.FAILED and new.name in required:
            self._missing = new.failure
            self._stopping.set()

    def _on_gap(self, gap: Gap) -> None:
        if self._nursery is not None:
            self._backfill.start(gap, self._nursery)
