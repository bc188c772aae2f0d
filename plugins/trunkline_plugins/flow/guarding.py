"""Lets the guards look at every event, and does once what they ask for.

A stop is sent once and never again, whatever becomes of it: where its outcome is unknown, a person
looks (reliability B6). It comes from the rule that a person has written, not from the server's
message. What is done is written down before it is done, and again with its outcome.
"""

from datetime import datetime
from typing import Any, NoReturn

import attrs
import trio

from trunkline import Event, Gap, NotSent, OutcomeUnknown, PluginContext, Rejected
from trunkline.plugin_api import UserError
from trunkline_plugins.asking import moment
from trunkline_plugins.audit import AuditLog
from trunkline_plugins.flow.control import stop
from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.guard import Guard
from trunkline_plugins.flow.settings import FlowSettings
from trunkline_plugins.flow.store import TOPIC, ExecutionStore

ACTED = "guard.acted"
TICK = 0.5  # s between two looks at all executions: at their time, and at what was fetched
SEND_LIMIT = 300.0  # s for a stop to be answered; offline, it waits for the link
REMEMBERED = 10_000  # pairs of rule and execution; far more than the table has executions

Context = PluginContext[FlowSettings]


@attrs.define
class ServerClock:
    """What time it is on the server, so that a wrong clock of ours stops nobody.

    From the times of live events: the one that travelled fastest is the nearest to the truth.
    """

    _ahead: float | None = None  # s that the server's clock is before Trio's

    def saw(self, moment: datetime) -> None:
        """Take in the time of an event that has just happened."""
        ahead = moment.timestamp() - trio.current_time()
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)

    def forget(self) -> None:
        """Start anew: the server may be another one, or its clock set."""
        self._ahead = None

    def age(self, since: datetime) -> float | None:
        """Return how many seconds have passed on the server; None before the first event."""
        if self._ahead is None:
            return None
        return trio.current_time() + self._ahead - since.timestamp()


class Guarding:
    """The guards of one host at work."""

    def __init__(self, ctx: Context, store: ExecutionStore) -> None:
        self._ctx = ctx
        self._store = store
        self._guards = [Guard.of(rule) for rule in ctx.config.guard]
        self._audit = None if ctx.config.audit is None else AuditLog(ctx.config.audit)
        self._clock = ServerClock()
        self._acted: dict[tuple[str, str], None] = {}  # (rule, execution), the oldest first
        self._nursery: trio.Nursery | None = None
        self._counts = {"stop": 0, "warn": 0, "dry run": 0}

    async def run(self) -> NoReturn:
        """Watch what no event tells, time above all, and carry out what the guards ask for."""
        async with trio.open_nursery() as self._nursery:
            while True:
                for execution in self._store.executions() if self._guards else ():
                    self._judge(execution)
                await trio.sleep(TICK)

    def look(self, event: Event) -> None:
        """Judge an event that the table has just taken in, and its execution."""
        execution = self._store.get(str(event.get("execution_id", "")))
        if execution is None:
            return
        said_at = moment(event.get("timestamp"))
        if event.origin == "live" and said_at is not None:
            self._clock.saw(said_at)
        for guard in self._guards:
            if guard.concerns(execution) and (why := guard.offence(event)):
                self._begin(guard, execution, why)
        self._judge(execution)

    def note_gap(self, _: Gap) -> None:
        """Another epoch, perhaps another server."""
        self._clock.forget()

    def line(self) -> str:
        """Return what to add to the line in `status`."""
        counts = ", ".join(f"{name} {count}" for name, count in self._counts.items() if count)
        return f"; guards: {counts}" if counts else ""

    def _judge(self, execution: Execution) -> None:
        """Compare an execution with every limit."""
        age = self._clock.age(execution.started_at)
        for guard in self._guards:
            if guard.concerns(execution) and (why := guard.excess(execution, age)):
                self._begin(guard, execution, why)

    def _begin(self, guard: Guard, execution: Execution, why: str) -> None:
        """Act on an execution by a rule, if that was not done before."""
        key = (guard.rule.name, execution.id)
        if key in self._acted or self._nursery is None:
            return
        self._acted[key] = None
        if len(self._acted) > REMEMBERED:
            del self._acted[next(iter(self._acted))]
        self._counts["dry run" if guard.rule.dry_run else guard.rule.action] += 1
        self._nursery.start_soon(self._act, guard, execution, why)

    async def _act(self, guard: Guard, execution: Execution, why: str) -> None:
        rule = guard.rule
        about = {
            "plugin": self._ctx.name,
            "rule": rule.name,
            "execution_id": execution.id,
            "flow_name": execution.flow_name,
            "why": why,
            "dry_run": rule.dry_run,
        }
        self._ctx.log.warning("guard.acts", extra={"reason": f"{rule.name}: {execution.id}: {why}"})
        outcome = "not done: dry run" if rule.dry_run else "decided"
        await self._write_down(rule.action, {**about, "outcome": outcome})
        if rule.action == "stop" and not rule.dry_run:
            outcome = await self._stop(execution.id, f"guard {rule.name}: {why}")
            await self._write_down(rule.action, {**about, "outcome": outcome})
        told = {"type": ACTED, **about, "action": rule.action, "outcome": outcome}
        self._ctx.publish(TOPIC, ACTED, told)

    async def _stop(self, execution_id: str, reason: str) -> str:
        """Send the stop; return in words what became of it."""
        if not self._is_first_stop(execution_id):
            return "not sent: another guard has stopped it"
        with trio.move_on_after(SEND_LIMIT):
            try:
                reply = await stop(self._ctx, execution_id, reason)
            except Rejected as exc:
                return f"refused: {exc.reason}"
            except NotSent as exc:
                return f"not sent: {exc}"
            except OutcomeUnknown as exc:
                return f"unknown: {exc}"
            return str(reply.get("execution_status") or reply.get("status"))
        return f"unknown: no answer within {SEND_LIMIT:g} s"

    def _is_first_stop(self, execution_id: str) -> bool:
        key = ("", execution_id)  # no rule has this name
        is_first = key not in self._acted
        self._acted[key] = None
        return is_first

    async def _write_down(self, action: str, about: dict[str, Any]) -> None:
        """Write a line; a runaway is stopped all the same where the disk is full."""
        if self._audit is None:
            return
        try:
            await self._audit.record(action, **about)
        except UserError as exc:
            self._ctx.log.error("audit.failed", extra={"reason": str(exc)})  # noqa: TRY400 - its text says it all
