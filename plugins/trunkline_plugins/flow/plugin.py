"""The hooks of the plugin `flow`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import trio

from trunkline import Event, Gap, PluginContext, PluginInfo, hookimpl
from trunkline.plugin_api import Classifiers, Topics
from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.fetching import Row, catch_up, fetch_logs, fetch_rows, messages_of
from trunkline_plugins.flow.guarding import Guarding
from trunkline_plugins.flow.lifecycle import Finished, Started, announcement
from trunkline_plugins.flow.settings import FlowSettings
from trunkline_plugins.flow.store import TOPIC, ExecutionStore, LearnedBy
from trunkline_plugins.flow.types import FLOW_EVENTS
from trunkline_plugins.reconciling import Reconciling
from trunkline_plugins.status_line import keep_noting

trunkline_plugin = PluginInfo(config=FlowSettings)

Context = PluginContext[FlowSettings]

STORE = "store"
REPAIRED = "store.repaired"


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own `flow_executions`."""
    topics.add(TOPIC)


@hookimpl
def trunkline_register_classifiers(classifiers: Classifiers) -> None:
    """Place every type of an execution's events, those eight too that the console misses (C10)."""
    classifiers.add("types", lambda kind: TOPIC if kind in FLOW_EVENTS else None)


@hookimpl
async def trunkline_run(ctx: Context) -> None:
    """Keep the table right, announce starts and ends, and let the guards look."""
    keeping = Keeping(ctx)
    ctx.state[STORE] = keeping.store
    async with trio.open_nursery() as nursery:
        keeping.follow()
        ctx.started()
        nursery.start_soon(keeping.guarding.run)
        nursery.start_soon(keeping.reconciling.run)
        await keep_noting(ctx, keeping.line)


@hookimpl
async def trunkline_backfill(ctx: Context, gap: Gap) -> Iterable[Mapping[str, Any]]:
    """Fetch what a gap has swallowed: stored updates, and where every execution stands."""
    return await catch_up(ctx, ctx.state[STORE], gap.since)


class Keeping:
    """The table, and what keeps it right for the time of one attempt."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.store = ExecutionStore(on_change=self._announce)
        self.guarding = Guarding(ctx, self.store)
        self.reconciling = Reconciling(
            ctx,
            self._fetch,
            self._repair,
            interval=ctx.config.reconcile,
            on_stalled=self._tell_of_repairs,
        )
        self._has_begun = False  # what was at work before us is in the table

    def follow(self) -> None:
        """Take in what comes from now on."""
        self.store.follow(self._ctx)
        self._ctx.subscribe(TOPIC, self._look, on_gap=lambda _: self.reconciling.missed())

    def line(self) -> str:
        """Return the line for `trunkline status`."""
        return f"{self.store.summary()}{self.guarding.line()}{self.reconciling.line()}"

    async def _fetch(self) -> Sequence[Row]:
        """Ask the server how things stand; what it says first is where we begin from."""
        rows = await fetch_rows(self._ctx, self.store)
        if self._has_begun:
            return rows
        for row in rows:
            self.store.absorb(messages_of(row), "start", are_rows=True)
        self.store.absorb(await fetch_logs(self._ctx, [row["id"] for row in rows]), "start")
        self._has_begun = True
        return ()

    def _repair(self, rows: Sequence[Row]) -> list[str]:
        """Let the table know what was fetched; return the ids of what it had wrong."""
        repaired = []
        for row in rows:
            execution_id = str(row["id"])
            before = self.store.get(execution_id)
            self.store.absorb(messages_of(row), "reconciled", are_rows=True)
            after = self.store.get(execution_id)
            if before is None or after is None or before.status != after.status:
                repaired.append(execution_id)
        return repaired

    def _tell_of_repairs(self, ids: list[str]) -> None:
        told = {"type": REPAIRED, "ids": ids, "count": len(ids)}
        self._ctx.publish(TOPIC, REPAIRED, told)

    def _look(self, event: Event) -> None:
        """Let the guards see an event, after the table has."""
        if event.origin == "live":
            self.reconciling.heard()
        if event.origin != "local":
            self.guarding.look(event)

    def _announce(self, old: Execution | None, new: Execution, learned_by: LearnedBy) -> None:
        """Publish a start or an end, each once; what had ended before we came is no news."""
        if old is None and not new.is_final:
            self._publish(Started, new, learned_by)
        was_running = old is not None and not old.is_final
        if new.is_final and (was_running or (old is None and learned_by != "start")):
            self._publish(Finished, new, learned_by)

    def _publish(self, cls: type[Started], execution: Execution, learned_by: LearnedBy) -> None:
        self._ctx.publish(TOPIC, cls.type, announcement(execution, cls, learned_by))
