"""Lets the guards look at every event, and does once what they ask for.

A stop that has left is never sent again, whatever becomes of it: where its outcome is unknown, a
person looks (reliability B6). Until it can leave it waits, however long there is no link. It
comes from the rule that a person has written, not from the server's message. What is done is
written down before it is done, and again with its outcome.
"""

from typing import Any, NoReturn

import trio

from trunkline import Event, NotSent, OutcomeUnknown, PluginContext, Rejected
from trunkline.plugin_api import UserError
from trunkline_plugins.audit import AuditLog, last_lines
from trunkline_plugins.flow.acts import UNSENT, Acts
from trunkline_plugins.flow.age import Ages
from trunkline_plugins.flow.control import stop
from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.guard import Guard
from trunkline_plugins.flow.settings import FlowSettings
from trunkline_plugins.flow.store import TOPIC, ExecutionStore
from trunkline_plugins.link import wait_connected, within_one_link

ACTED = "guard.acted"
TICK = 0.5  # s between two looks at all executions: at their time, and at what was fetched
SEND_LIMIT = 300.0  # s of one link for a stop to be answered; the time without one does not count

Context = PluginContext[FlowSettings]


class Guarding:
    """The guards of one host at work."""

    def __init__(self, ctx: Context, store: ExecutionStore) -> None:
        self._ctx = ctx
        self._store = store
        self._guards = [Guard.of(rule) for rule in ctx.config.guard]
        self._audit = None if ctx.config.audit is None else AuditLog(ctx.config.audit)
        self._ages = Ages()
        self._acts = Acts()
        self._is_recalled = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._counts = {"stop": 0, "warn": 0, "dry run": 0}

    async def run(self) -> NoReturn:
        """Watch what no event tells, time above all, and carry out what the guards ask for."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._recall)
            while True:
                executions = self._store.executions() if self._guards else ()
                self._ages.forget_others({execution.id for execution in executions})
                for execution in executions:
                    self._judge(execution)
                await trio.sleep(TICK)

    def look(self, event: Event) -> None:
        """Judge an event that the table has just taken in, and its execution."""
        execution = self._store.get(str(event.get("execution_id", "")))
        if execution is None or not self._guards:
            return
        if event.origin == "live":
            self._ages.saw(event, execution)
        for guard in self._guards:
            if guard.concerns(execution) and (why := guard.offence(event)):
                self._begin(guard, execution, why)
        self._judge(execution)

    def line(self) -> str:
        """Return what to add to the line in `status`."""
        counts = ", ".join(f"{name} {count}" for name, count in self._counts.items() if count)
        return f"; guards: {counts}" if counts else ""

    async def _recall(self) -> None:
        """Learn what was done before this attempt, or this process, began."""
        if self._guards and self._audit is not None:
            path = self._audit.path
            try:
                self._acts.recall(await trio.to_thread.run_sync(last_lines, path))
            except OSError as exc:
                self._ctx.log.error("audit.failed", extra={"reason": f"{path}: {exc}"})  # noqa: TRY400 - its text says it all
        self._is_recalled.set()

    def _judge(self, execution: Execution) -> None:
        """Compare an execution with every limit."""
        age = self._ages.age(execution)
        for guard in self._guards:
            if guard.concerns(execution) and (why := guard.excess(execution, age)):
                self._begin(guard, execution, why)

    def _begin(self, guard: Guard, execution: Execution, why: str) -> None:
        """Act on an execution by a rule, if that was not begun before."""
        if self._nursery is not None and self._acts.begin(guard.rule, execution.id):
            self._nursery.start_soon(self._act, guard, execution, why)

    async def _act(self, guard: Guard, execution: Execution, why: str) -> None:
        """Do what a rule says, unless the audit file has it already."""
        rule = guard.rule
        await self._is_recalled.wait()
        if self._acts.was_done(rule, execution.id):
            return
        self._counts["dry run" if rule.dry_run else rule.action] += 1
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
            outcome = await self._stop(about)
            await self._write_down(rule.action, {**about, "outcome": outcome})
        told = {"type": ACTED, **about, "action": rule.action, "outcome": outcome}
        self._ctx.publish(TOPIC, ACTED, told)

    async def _stop(self, about: dict[str, Any]) -> str:
        """Send the stop when it can leave; return in words what became of it."""
        execution_id, reason = about["execution_id"], f"guard {about['rule']}: {about['why']}"
        pause = 0.0
        if not self._acts.is_first_stop(execution_id):
            return "not sent: another guard has stopped it"
        while True:
            await self._until_it_can_leave(about, pause)
            known = self._store.get(execution_id)
            if known is not None and known.is_final:
                return "not sent: it has ended"
            try:
                with within_one_link(self._ctx, SEND_LIMIT):
                    reply = await stop(self._ctx, execution_id, reason)
                return str(reply.get("execution_status") or reply.get("status"))
            except trio.TooSlowError:
                return f"unknown: no answer within {SEND_LIMIT:g} s"
            except Rejected as exc:
                return f"refused: {exc.reason}"
            except OutcomeUnknown as exc:
                return f"unknown: {exc}"
            except NotSent:  # the queue is full
                pause = TICK

    async def _until_it_can_leave(self, about: dict[str, Any], pause: float) -> None:
        """Wait for the link; where we end before, write down that the next one may send it."""
        try:
            await trio.sleep(pause)
            await wait_connected(self._ctx)
        except trio.Cancelled:
            with self._ctx.cleanup():
                await self._write_down("stop", {**about, "outcome": UNSENT})
            raise

    async def _write_down(self, action: str, about: dict[str, Any]) -> None:
        """Write a line; a runaway is stopped all the same where the disk is full."""
        if self._audit is None:
            return
        try:
            await self._audit.record(action, **about)
        except UserError as exc:
            self._ctx.log.error("audit.failed", extra={"reason": str(exc)})  # noqa: TRY400 - its text says it all
