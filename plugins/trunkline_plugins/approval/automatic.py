"""Decides requests by rule: each once, whatever fails on the way, until its time is over."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import trio

from trunkline import InvalidData, NotSent, OutcomeUnknown, PluginContext, Rejected
from trunkline_plugins.approval import notices
from trunkline_plugins.approval.answer import ALREADY_DECIDED, Result
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.deciding import Deciding
from trunkline_plugins.approval.decision import Decision, Outcome, Verdict
from trunkline_plugins.approval.log import IN_FLIGHT, AlreadyStored, Entry
from trunkline_plugins.approval.request import view_of
from trunkline_plugins.approval.server import Server
from trunkline_plugins.approval.store import Approval, ApprovalStore, approval_of
from trunkline_plugins.audit import actor

AGAIN = 15.0  # s until something that could not be asked or said is tried again
AT_ONCE = 4  # so that many requests do not become a load test of the server
LOG = "the log"  # stands for a request where nothing is known of any

T = TypeVar("T")


class Automatic:
    """Carries out what rules say, and tells people where it could not."""

    def __init__(
        self,
        ctx: PluginContext[ApprovalConfig],
        server: Server,
        deciding: Deciding,
        store: ApprovalStore,
    ) -> None:
        self._ctx = ctx
        self._server = server
        self._deciding = deciding
        self._store = store
        self._limiter = trio.CapacityLimiter(AT_ONCE)
        self._under_way: set[str] = set()  # requests
        self._waiting: dict[str, str] = {}  # {request: why it waits}
        self.decided_count = 0

    @property
    def trouble(self) -> str:
        """Why a decision waits, in words; empty while none does."""
        return next(iter(self._waiting.values()), "")

    async def decide(self, approval: Approval, outcome: Outcome, verdict: Verdict) -> None:
        """Decide a request as a rule says, and give notice of it."""
        if approval.id in self._under_way:
            return  # it is being completed
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
        with self._at_work(approval.id):
            try:
                result = await self._persist(decision, self._deciding.decide)
            except AlreadyStored as exc:
                self._ctx.log.info("approval.stored", extra={"reason": str(exc)})
                await self._find_stored(exc.entry)
            else:
                await self._conclude(approval, decision, result)

    async def complete(self) -> None:
        """Send what a host that was killed had stored and perhaps sent, with the same outcome."""
        async with trio.open_nursery() as nursery:
            for entry in await self._insist(LOG, self._deciding.unanswered):
                if entry.decision.request not in self._under_way:
                    nursery.start_soon(self._complete, entry)

    async def _complete(self, entry: Entry) -> None:
        with self._at_work(entry.decision.request):
            await self._find_stored(entry)

    async def _find_stored(self, entry: Entry) -> None:
        """Complete what a rule has stored and nobody answered; leave all else to people."""
        decision = entry.decision
        if decision.is_by_rule and entry.is_open:
            await self._let_pass(entry)
            if entry in await self._insist(decision.request, self._deciding.unanswered):
                result = await self._persist(decision, self._deciding.complete)
                seen = await self._insist(decision.request, lambda: self._seen(decision.request))
                await self._conclude(seen, decision, result)
                return
        known = self._store.get(decision.request)
        if known is not None and known.is_pending:
            notice = notices.waiting(known, self._store.now())
            self._ctx.publish(notices.NOTICES, notices.WAITING, notice)

    async def _let_pass(self, entry: Entry) -> None:
        """Wait until nobody can be sending an entry any more; a clock may have been set back."""
        left = entry.at + IN_FLIGHT - self._store.now()
        await trio.sleep(max(0.0, min(left, IN_FLIGHT).total_seconds()))

    async def _seen(self, request: str) -> Approval | None:
        """Return a request as the server shows it; None where it does not."""
        try:
            message = await self._server.request(request)
            return approval_of(view_of(message), self._store.now()) if message else None
        except (Rejected, InvalidData):
            return None

    async def _persist(
        self, decision: Decision, act: Callable[[Decision], Awaitable[Result]]
    ) -> Result:
        """Try until there is an answer; a request whose time is over is one.

        Raises:
            AlreadyStored: the log holds a decision for the request.
        """

        async def once() -> Result:
            nonlocal act
            async with self._limiter:
                result = await act(decision)
            if result.is_open:
                act = self._deciding.complete  # it is stored now
                raise OutcomeUnknown(result.error)
            return result

        try:
            return await self._insist(decision.request, once)
        except (Rejected, InvalidData) as exc:
            return Result(
                request=decision.request,
                outcome=decision.outcome,
                result="refused",
                error=str(exc),
            )

    async def _insist(self, request: str, act: Callable[[], Awaitable[T]]) -> T:
        """Call until server and disk let it through; what is in the way is said meanwhile."""
        try:
            while True:
                try:
                    return await act()
                except (NotSent, OutcomeUnknown, OSError) as exc:
                    self._wait_for(request, str(exc))
                await trio.sleep(AGAIN)
        finally:
            self._waiting.pop(request, None)

    def _wait_for(self, request: str, reason: str) -> None:
        if not self._waiting:
            self._ctx.log.warning("approval.delayed", extra={"reason": reason})
        self._waiting[request] = reason

    @contextmanager
    def _at_work(self, request: str) -> Iterator[None]:
        """Let nobody else here touch a request."""
        self._under_way.add(request)
        try:
            yield
        finally:
            self._under_way.discard(request)

    async def _conclude(
        self, approval: Approval | None, decision: Decision, result: Result
    ) -> None:
        """Say what became of a decision, and see that it is written down."""
        self._log(decision, result)
        if approval is not None:
            self._tell(approval, decision, result)
        if result.unwritten:
            await self._insist(decision.request, lambda: self._write(decision, result))

    async def _write(self, decision: Decision, result: Result) -> None:
        written = await self._deciding.write(decision, result)
        if written.unwritten:
            raise OSError(written.unwritten)

    def _tell(self, approval: Approval, decision: Decision, result: Result) -> None:
        if result.is_done or result.result == "pending":
            notice = notices.decided(approval, decision, result)
            self._ctx.publish(notices.NOTICES, notices.DECIDED, notice)
        elif result.result != ALREADY_DECIDED:
            notice = notices.withheld(approval, decision, result, self._store.now())
            self._ctx.publish(notices.NOTICES, notices.WITHHELD, notice)

    def _log(self, decision: Decision, result: Result) -> None:
        self.decided_count += result.is_done
        extra = {
            "source": decision.by,
            "reason": result.error or result.result,
            "new": result.result,
        }
        self._ctx.log.info("approval.decided", extra=extra)
