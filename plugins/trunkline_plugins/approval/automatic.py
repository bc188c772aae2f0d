"""Decides requests by rule: each once, whatever fails on the way, until its time is over."""

from collections.abc import Callable
from datetime import datetime

import trio

from trunkline import InvalidData, NotSent, OutcomeUnknown, PluginContext, Rejected
from trunkline_plugins.approval import notices
from trunkline_plugins.approval.answer import ALREADY_DECIDED, Result
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.deciding import Deciding
from trunkline_plugins.approval.decision import Decision, Outcome, Verdict
from trunkline_plugins.approval.log import AlreadyStored
from trunkline_plugins.approval.store import Approval
from trunkline_plugins.audit import actor

AGAIN = 15.0  # s until something that could not be asked or said is tried again
AT_ONCE = 4  # so that many requests do not become a load test of the server


class Automatic:
    """Carries out what rules say, and tells people where it could not."""

    def __init__(
        self,
        ctx: PluginContext[ApprovalConfig],
        deciding: Deciding,
        now: Callable[[], datetime],
    ) -> None:
        self._ctx = ctx
        self._deciding = deciding
        self._now = now
        self._limiter = trio.CapacityLimiter(AT_ONCE)
        self.decided_count = 0
        self.trouble = ""
        """Why a decision waits, in words; empty while none does."""

    async def decide(self, approval: Approval, outcome: Outcome, verdict: Verdict) -> None:
        """Decide a request as a rule says, and give notice of it."""
        decision = Decision(
            request=approval.id,
            outcome=outcome,
            hash=approval.hash,
            by=verdict.rule,
            is_by_rule=True,
            host=actor()["machine"],
            tool_name=approval.tool_name,
            comment=verdict.comment,
        )
        try:
            result = await self._persist(decision, is_stored=False)
        except AlreadyStored as exc:
            self._ctx.log.info("approval.stored", extra={"reason": str(exc)})
            return
        self._tell(approval, decision, result)

    async def complete(self) -> None:
        """Send what a host that was killed had stored and perhaps sent, with the same outcome."""
        async with trio.open_nursery() as nursery:
            for decision in await self._unanswered():
                nursery.start_soon(self._complete, decision)

    async def _unanswered(self) -> tuple[Decision, ...]:
        while True:
            try:
                return await self._deciding.unanswered()
            except OSError as exc:
                self._wait_for(str(exc))
                await trio.sleep(AGAIN)

    async def _complete(self, decision: Decision) -> None:
        self._log(decision, await self._persist(decision, is_stored=True))

    async def _persist(self, decision: Decision, *, is_stored: bool) -> Result:
        """Try until there is an answer; a request whose time is over is one.

        Raises:
            AlreadyStored: the log holds a decision for the request.
        """
        while True:
            try:
                async with self._limiter:
                    act = self._deciding.complete if is_stored else self._deciding.decide
                    result = await act(decision)
            except (Rejected, InvalidData) as exc:
                return Result(
                    request=decision.request,
                    outcome=decision.outcome,
                    result="refused",
                    error=str(exc),
                )
            except (NotSent, OutcomeUnknown, OSError) as exc:
                self._wait_for(str(exc))
            else:
                if not result.is_open:
                    self.trouble = ""
                    return result
                is_stored = True
                self._wait_for(result.error)
            await trio.sleep(AGAIN)

    def _wait_for(self, reason: str) -> None:
        if not self.trouble:
            self._ctx.log.warning("approval.delayed", extra={"reason": reason})
        self.trouble = reason

    def _tell(self, approval: Approval, decision: Decision, result: Result) -> None:
        self._log(decision, result)
        if result.is_done or result.result == "pending":
            notice = notices.decided(approval, decision, result)
            self._ctx.publish(notices.NOTICES, notices.DECIDED, notice)
        elif result.result != ALREADY_DECIDED:
            notice = notices.withheld(approval, decision, result, self._now())
            self._ctx.publish(notices.NOTICES, notices.WITHHELD, notice)

    def _log(self, decision: Decision, result: Result) -> None:
        self.decided_count += result.is_done
        extra = {
            "source": decision.by,
            "reason": result.error or result.result,
            "new": result.result,
        }
        self._ctx.log.info("approval.decided", extra=extra)
