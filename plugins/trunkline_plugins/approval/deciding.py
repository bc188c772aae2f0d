"""Carries a decision out: look, store, send, and write down what became of it.

Everything up to the store may be repeated; from there on the outcome stands, and whoever finds it
unanswered completes it with the same one (crash points 11 and 12 of the reliability tests).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeVar

import attrs
import trio

from trunkline import InvalidData, Rejected
from trunkline_plugins.approval.answer import ALREADY_DECIDED, UNANSWERED, Result
from trunkline_plugins.approval.decision import STATUS_OF, Decision, Rules, objection
from trunkline_plugins.approval.log import DecisionLog, Entry
from trunkline_plugins.approval.request import Message, view_of
from trunkline_plugins.approval.server import Server

T = TypeVar("T")

#: Told at each point where a crash, or Ctrl-C, would hurt most: `stored`, `sent`.
At = Callable[[str], None]


def nowhere(_: str) -> None:
    """Take no notice of a crash point."""


class RunSync(Protocol):
    """Runs a function in a worker thread; tests in virtual time run it in line."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]:
        """Return what `function` returns."""


async def in_thread(function: Callable[[], T]) -> T:
    """Run `function` in a worker thread, waited for even when cancelled: it writes to a file."""
    return await trio.to_thread.run_sync(function)


class Deciding:
    """Decides requests at one server, through one log."""

    def __init__(
        self,
        server: Server,
        log: DecisionLog,
        *,
        now: Callable[[], datetime],
        rules: Rules | None = None,
        run_sync: RunSync = in_thread,
        at: At = nowhere,
    ) -> None:
        """Ask `server`, write to `log`; a rule's decision must be what `rules` still say."""
        self._server = server
        self._log = log
        self._now = now
        self._rules = rules
        self._run_sync = run_sync
        self._at = at

    async def decide(self, decision: Decision) -> Result:
        """Carry out a new decision.

        Raises:
            AlreadyStored: the log has one for the request.
            OSError: the log cannot be written, so nothing was sent.
            NotSent, OutcomeUnknown: the request could not be read; nothing is stored.
        """
        words = ""
        try:
            message = await self._server.request(decision.request)
            reason = self._objection(decision, message) or self._change_of_mind(decision, message)
        except (Rejected, InvalidData) as exc:  # who may not look may not decide
            reason, words = "refused", str(exc)
        if reason is not None:
            result = _withheld(decision, reason, words)
            await self._run_sync(lambda: self._log.withhold(decision, result))
            return result
        await self._run_sync(lambda: self._log.store(decision))
        self._at("stored")
        return await self._send(decision)

    async def complete(self, decision: Decision) -> Result:
        """Carry out a decision that was stored, and perhaps sent, by somebody who is gone.

        What a rule approved counts only while the rules still do.

        Raises:
            Rejected, InvalidData: the request cannot be looked at.
            NotSent, OutcomeUnknown: the request could not be read.
        """
        message = await self._server.request(decision.request)
        reason = self._objection(decision, message)
        if reason is None and decision.outcome == "approve":
            reason = self._change_of_mind(decision, message) and "withdrawn"
        if reason is None:
            return await self._send(decision)
        result = _withheld(decision, reason)
        if reason == f"already {STATUS_OF[decision.outcome]}":  # so it had been sent after all
            result = attrs.evolve(result, result=STATUS_OF[decision.outcome], error="")
        return await self.write(decision, result)

    async def write(self, decision: Decision, result: Result) -> Result:
        """Write down what became of a decision; `unwritten` says why that did not work.

        What the server has answered stands, whatever the disk says to it.
        """
        written = attrs.evolve(result, unwritten="")
        try:
            await self._run_sync(lambda: self._log.answer(decision, written))
        except OSError as exc:
            return attrs.evolve(result, unwritten=str(exc))
        return written

    async def unanswered(self) -> tuple[Entry, ...]:
        """Return what rules have decided that nobody knows the answer to.

        Raises:
            OSError: the log cannot be read.
        """
        stored = await self._run_sync(self._log.unanswered)
        return tuple(entry for entry in stored if entry.decision.is_by_rule)

    def _objection(self, decision: Decision, message: Message | None) -> str | None:
        return objection(decision, view_of(message) if message else None, self._now())

    def _change_of_mind(self, decision: Decision, message: Message | None) -> str | None:
        """Say `altered` where the rules would not say the same of what the server shows now.

        They may look at more than is hashed: who asks, and why.
        """
        if self._rules is None or not decision.is_by_rule or message is None:
            return None
        return None if self._rules.judge(message).decide == decision.outcome else "altered"

    async def _send(self, decision: Decision) -> Result:
        result = await self._server.decide(decision)
        self._at("sent")
        # a rule tries again what is open; a person who may have been heard looks first
        if result.is_open and (decision.is_by_rule or result.result == UNANSWERED):
            return result
        return await self.write(decision, result)


def _withheld(decision: Decision, reason: str, words: str = "") -> Result:
    """Return why nothing was sent, as a result."""
    is_settled = reason.startswith("already ")
    return Result(
        request=decision.request,
        outcome=decision.outcome,
        result=ALREADY_DECIDED if is_settled else reason,
        error=f"the request is {reason.removeprefix('already ')} already" if is_settled else words,
    )
