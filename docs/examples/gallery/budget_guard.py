"""Stops an execution that costs more, says more or takes longer than it may.

What it does is published on topic `budget_guard`. After a gap some figures may be too low until the
next update of the run, and `trunkline status` shows that.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import attrs
import trio

from trunkline import (
    Event,
    Gap,
    NotSent,
    OutcomeUnknown,
    PluginContext,
    PluginInfo,
    Rejected,
    hookimpl,
)
from trunkline.plugin_api import Seconds, Subscriptions, Topics

ENDED = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "TIMED_OUT", "ABORTED", "CANCELLED"}
RUNS_KEPT = 1_000  # the one that was heard of longest ago goes first
LIMIT = 10.0  # s for the server to acknowledge a stop


@attrs.frozen(kw_only=True)
class Budget:
    """What a run may use; what is not given is not limited."""

    cost: float | None = None
    """In the currency of the server's estimates."""
    tokens: int | None = None
    tool_calls: int | None = None
    duration: Seconds | None = None


@attrs.frozen
class GuardConfig:
    """The table `[plugin.budget_guard]`."""

    budget: Budget
    """For every flow without one of its own."""
    flows: Mapping[str, Budget] = attrs.field(factory=dict)
    """Budgets of flows, by the flow's name."""
    only_warn: bool = False
    """Publish, and stop nothing: to find out what a budget would do."""


@attrs.define
class Run:
    """What is known of a run."""

    started: float
    """Seconds since 1970."""
    flow: str = ""
    cost: float = 0.0
    tokens: int = 0
    tool_calls: int = 0
    duration: float = 0.0
    is_settled: bool = False
    """It was stopped, or cannot be."""

    def take(self, event: Event) -> None:
        """Count what an event tells."""
        get = event.get
        self.duration = event.received_at.timestamp() - self.started
        self.flow = get("payload.flow_name") or get("payload.fleet_context.flow_name") or self.flow
        if event.type == "model_gateway_call":  # of this one call
            self.cost += get("payload.estimated_cost") or 0.0
            self.tokens += get("payload.total_tokens") or 0
        else:  # of the run so far
            self.cost = max(self.cost, get("payload.estimated_cost") or 0.0)
            self.tokens = max(self.tokens, get("payload.total_tokens") or 0)
            self.tool_calls = max(self.tool_calls, get("payload.tool_calls") or 0)

    def excess(self, budget: Budget) -> dict[str, Any] | None:
        """Return what is over the budget, the first of it; None: nothing is."""
        for field in attrs.fields(Budget):
            limit, used = getattr(budget, field.name), getattr(self, field.name)
            if limit is not None and used > limit:
                return {"what": field.name, "limit": limit, "used": used}
        return None


class Guard:
    """The runs of one host."""

    def __init__(self, config: GuardConfig) -> None:
        self._config = config
        self._runs: OrderedDict[str, Run] = OrderedDict()  # {execution id: run}
        self._stopped_count = 0
        self._is_uncertain = False

    async def look(self, event: Event, ctx: PluginContext[GuardConfig]) -> None:
        """Count, and stop the run if it is over its budget."""
        execution_id = event.get("execution_id")
        if not isinstance(execution_id, str):
            return
        run = self._run(execution_id, event)
        run.take(event)
        if event.get("payload.status") in ENDED:
            del self._runs[execution_id]
        else:
            await self._judge(execution_id, run, ctx)
        doubt = ", counts may be low after a gap" if self._is_uncertain else ""
        ctx.note(f"{len(self._runs)} watched, {self._stopped_count} stopped{doubt}")

    def note_gap(self, gap: Gap) -> None:
        """What a run has used meanwhile is only known from its next update."""
        self._is_uncertain = bool(self._runs)

    async def _judge(self, execution_id: str, run: Run, ctx: PluginContext[GuardConfig]) -> None:
        excess = run.excess(self._config.flows.get(run.flow, self._config.budget))
        if excess is not None and not run.is_settled:
            outcome = "warned" if self._config.only_warn else await self._stop(execution_id, ctx)
            run.is_settled = outcome != "unknown"  # else the next event tries again
            about = {"execution_id": execution_id, "flow": run.flow, "outcome": outcome}
            ctx.publish("budget_guard", "budget.exceeded", {**about, **excess})

    def _run(self, execution_id: str, event: Event) -> Run:
        run = self._runs.get(execution_id)
        if run is None:
            run = self._runs[execution_id] = Run(event.received_at.timestamp())
            while len(self._runs) > RUNS_KEPT:
                self._runs.popitem(last=False)
        self._runs.move_to_end(execution_id)
        return run

    async def _stop(self, execution_id: str, ctx: PluginContext[GuardConfig]) -> str:
        command = {"type": "command", "command": "stop", "execution_id": execution_id}
        try:
            with trio.fail_after(LIMIT):
                reply = await ctx.send({**command, "payload": {"reason": "over its budget"}})
        except Rejected:
            return "refused"
        except (NotSent, OutcomeUnknown, trio.TooSlowError):
            return "unknown"
        self._stopped_count += 1
        return str((reply or {}).get("status"))


trunkline_plugin = PluginInfo(config=GuardConfig)


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own what is published."""
    topics.add("budget_guard")


@hookimpl
def trunkline_register_subscriptions(subscriptions: Subscriptions, config: GuardConfig) -> None:
    """Look at every event of every run, one after the other."""
    guard = Guard(config)
    subscriptions.add("flow_executions", guard.look, on_gap=guard.note_gap, buffer=10_000)
