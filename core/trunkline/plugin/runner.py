"""Runs one loaded plugin for as long as the host runs: attempt, wait, next attempt (P14, P15).

What an attempt borrows ends with it. What outlasts attempts is held here: the record, and the
registered subscriptions, whose mailboxes fill while the plugin is not up.
"""

import logging
import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import trio

from trunkline.activity.sinks import SinkRule
from trunkline.backoff import WORK
from trunkline.errors import NotReady, PluginError
from trunkline.events import Gap
from trunkline.plugin.binding import bound_handler, bound_sink
from trunkline.plugin.context import Context
from trunkline.plugin.lease import Lease, Services
from trunkline.plugin.loaded import Plugin
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.registrars import SubscriptionRule
from trunkline.plugin.states import PluginState
from trunkline.plugin_api import Undo
from trunkline.supervise import JobReport, supervise

logger = logging.getLogger(__name__)

NOTE_LENGTH = 200  # characters; a note is one line of a status
_S = PluginState


@attrs.frozen
class Limits:
    """How long a plugin may take, in seconds."""

    start: float = 30.0
    stop: float = 15.0


def _ignore(_: PluginRecord, __: PluginRecord) -> None:
    """Tell nobody."""


class PluginRunner:
    """One plugin, run and restarted until the host stops it or it gives up itself."""

    def __init__(
        self,
        plugin: Plugin,
        services: Services,
        limits: Limits,
        *,
        rng: random.Random,
        on_change: Callable[[PluginRecord, PluginRecord], None] = _ignore,
    ) -> None:
        """Prepare to run `plugin`; `on_change(old, new)` hears of every new record."""
        self.plugin = plugin
        self._services = services
        self._limits = limits
        self._rng = rng
        self._on_change = on_change
        self._record = plugin.record
        self._note = ""
        self._ctx: Context[Any] | None = None  # of an attempt that is up
        self._up = trio.Event()
        self._on_rise: Callable[[], None] = lambda: None
        self._lease: Lease | None = None
        self._scope = trio.CancelScope()
        self._cleanup_by = math.inf  # on Trio's clock
        self._settled = trio.Event()
        self._stopped = trio.Event()

    @property
    def record(self) -> PluginRecord:
        """Where the plugin stands."""
        return self._record

    @property
    def note(self) -> str:
        """What the plugin last said of itself, in one line."""
        return self._note

    async def wait_settled(self) -> None:
        """Wait until the first attempt is up, or has failed."""
        await self._settled.wait()

    async def wait_stopped(self) -> None:
        """Wait until nothing of the plugin runs any more."""
        await self._stopped.wait()

    def stop(self, cleanup_by: float) -> None:
        """End the plugin; its clean-ups may take until `cleanup_by`, on Trio's clock.

        A second call can only hasten it: an orderly stop and an impatient one may cross.
        """
        self._cleanup_by = min(self._cleanup_by, cleanup_by)
        if self._lease is not None:
            self._lease.hasten()
        self._scope.cancel()

    def bound_sinks(self) -> tuple[SinkRule, ...]:
        """Return the plugin's sinks as the delivery uses them; `NotReady` while it is not up."""
        return tuple(bound_sink(rule, self._current_ctx) for rule in self.plugin.sinks)

    async def backfill(self, gap: Gap) -> object:
        """Let the plugin, once it is up, fetch what `gap` has swallowed of a topic it owns.

        What it returns is for the caller to check, and what it raises to catch. Where the attempt
        ends meanwhile, and its `ctx` with it, the next one is asked again.
        """
        while True:
            await self._wait_up()
            ctx = self._ctx
            try:
                return await self.plugin.hooks.call_async(
                    "trunkline_backfill", self.plugin.name, ctx=ctx, gap=gap
                )
            except PluginError:
                if self._ctx is ctx:
                    raise

    async def run(self) -> None:
        """Run the plugin until `stop`, until it gives up, or until cancelled."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    undos: list[Undo] = []

                    def subscribe() -> None:
                        rules = [] if undos else self.plugin.subscriptions
                        undos.extend(self._subscribe(rule, nursery) for rule in rules)

                    if self.plugin.has_run:
                        subscribe()  # from now on events wait until it is up
                    else:
                        self._on_rise = subscribe  # it is up at once, and its handlers need a `ctx`
                    try:
                        name = f"plugin {self.plugin.name}"
                        await supervise(
                            name, self._attempt, WORK, rng=self._rng, on_state=self._on_job
                        )
                    finally:
                        for undo in undos:
                            undo()
                        nursery.cancel_scope.cancel()
        finally:
            if self._record.state is not _S.FAILED:
                self._move(_S.STOPPED)
            self._settled.set()
            self._stopped.set()

    def _subscribe(self, rule: SubscriptionRule, nursery: trio.Nursery) -> Undo:
        """Subscribe a registered handler, for as long as the plugin is there."""
        waits = self.plugin.has_run
        return self._services.router.subscribe(
            rule.topic,
            bound_handler(rule.owner, rule.handler, self._current_ctx, waits=waits),
            rule.where,
            rule.on_gap,
            rule.buffer,
            rule.overflow,
            owner=rule.owner,
            nursery=nursery,
            gate=self._wait_up if waits else None,
        )

    async def _attempt(self) -> None:
        """Start the plugin once, and stay with it until it fails or is stopped."""
        starting = trio.CancelScope(deadline=trio.current_time() + self._limits.start)

        def started() -> None:
            if self._ctx is None:
                starting.deadline = math.inf
                self._rise(ctx)

        plugin = self.plugin
        lease = self._lease = Lease(
            plugin.name,
            plugin.topics,
            self._services,
            cleanup_limit=self._cleanup_limit,
            on_started=started,
            on_note=self._take_note,
        )
        ctx = Context(plugin.name, plugin.config, lease)
        async with lease.open():
            try:
                with starting:
                    await plugin.hooks.call_async("trunkline_run", plugin.name, ctx=ctx)
                if starting.cancel_called:
                    raise PluginError(f"no `ctx.started()` within {self._limits.start:g} s")
                started()  # returning counts as started
                await trio.sleep_forever()
            finally:
                self._fall()

    def _rise(self, ctx: Context[Any]) -> None:
        self._ctx = ctx
        self._up.set()
        self._on_rise()
        self._move(_S.RUNNING)

    def _fall(self) -> None:
        self._ctx = self._lease = None
        self._up = trio.Event()

    def _current_ctx(self) -> Context[Any]:
        if self._ctx is None:
            raise NotReady(f"plugin {self.plugin.name} is {self._record.state.value}")
        return self._ctx

    async def _wait_up(self) -> None:
        while self._ctx is None:
            await self._up.wait()

    def _cleanup_limit(self) -> float:
        return min(trio.current_time() + self._limits.stop, self._cleanup_by)

    def _take_note(self, text: str) -> None:
        self._note = " ".join(text.split())[:NOTE_LENGTH]

    def _on_job(self, report: JobReport) -> None:
        """Turn what the restart loop says into the next record."""
        if report.state == "failed":
            self._move(_S.FAILED, report.reason)
        elif report.retry_in is not None:
            at = datetime.fromtimestamp(self._services.walltime() + report.retry_in, UTC)
            self._move(_S.WAITING, report.reason, at)

    def _move(self, state: PluginState, reason: str = "", retry_at: datetime | None = None) -> None:
        """Replace the record: the one place where that is done."""
        old = self._record
        self._record = old.moved(state, phase="run", reason=reason, retry_at=retry_at)
        self._settled.set()
        logger.info(
            "plugin.state",
            extra={
                "plugin": old.name,
                "old": old.state.value,
                "new": state.value,
                "reason": reason,
            },
        )
        self._on_change(old, self._record)


async def stop_in_order(runners: Sequence[PluginRunner], cleanup_by: float) -> None:
    """Stop plugins in reverse load order, each after the one that may build on it (P17).

    From `cleanup_by` on, Trio's clock, none is waited for.
    """
    for runner in reversed(runners):
        runner.stop(cleanup_by)
        with trio.move_on_at(cleanup_by):
            await runner.wait_stopped()
