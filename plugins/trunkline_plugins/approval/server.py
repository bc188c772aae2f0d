"""What the server's REST interface offers for approvals (protocol §10), and nothing else.

Reading is tried again, deciding never: whether an answer that was lost had been heard is found
out by reading.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

import trio

from trunkline import InvalidData, NotSent, OutcomeUnknown, Rejected, TrunklineError
from trunkline_plugins.approval.answer import NOT_FOUND, UNANSWERED, Result, refusal, result_of
from trunkline_plugins.approval.decision import Decision
from trunkline_plugins.approval.request import Message, message_of
from trunkline_plugins.asking import PAGE, Asker, ask, is_id, is_in_trouble

PATH = "/api/v1/approval-requests"
MOST_PAGES = 20  # so that a server that never ends is left in the end
PAUSES = (1.0, 2.0)  # s before reading again

Row = Mapping[str, Any]


class Server:
    """Asks in the name of a plugin or a command."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    async def request(self, request_id: str) -> Message | None:
        """Return a request as it stands, as a message; None: the server knows no such one.

        Raises:
            Rejected: it does not say.
            NotSent, OutcomeUnknown: it cannot be asked.
            InvalidData: what it says is no request.
        """
        try:
            row = await self._read(f"{PATH}/{_checked(request_id)}")
        except Rejected as exc:
            if exc.reply["status"] == NOT_FOUND:
                return None
            raise
        return _message(row)

    async def requests(self, status: str | None = None) -> AsyncGenerator[Message]:
        """Yield requests as messages, the newest first, page by page; all, or those of a status.

        Raises: as `request`.
        """
        params: dict[str, Any] = {"limit": PAGE, **({"status": status} if status else {})}
        for page in range(MOST_PAGES):
            rows = await self._read(PATH, {**params, "skip": page * PAGE})
            if not isinstance(rows, list):
                raise InvalidData("a list of requests was asked for, and something else came")
            for row in rows:
                yield _message(row)
            if len(rows) < PAGE:
                return

    async def history(self, request_id: str) -> list[Row]:
        """Return what happened to a request, oldest first.

        Raises: as `request`.
        """
        rows = await self._read(f"{PATH}/{_checked(request_id)}/history")
        return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []

    async def decide(self, decision: Decision) -> Result:
        """Say a decision once, and return what became of it.

        An answer that is lost is looked for by reading; still pending, it is `unanswered`.
        """
        request, outcome = decision.request, decision.outcome
        path = f"{PATH}/{_checked(request)}/{outcome}"
        body = {"comment": decision.comment} if decision.comment else {}
        try:
            result = result_of(request, outcome, await ask(self._asker, "POST", path, json=body))
        except Rejected as exc:
            result = refusal(request, outcome, exc.reply["status"], exc.reply["detail"])
        except NotSent as exc:
            return Result(request=request, outcome=outcome, result="not sent", error=str(exc))
        except OutcomeUnknown as exc:
            result = Result(request=request, outcome=outcome, result=UNANSWERED, error=str(exc))
        return await self._looked_up(result) if result.is_open else result

    async def _looked_up(self, lost: Result) -> Result:
        """Find out what a request has become where the answer to a decision was lost."""
        try:
            message = await self.request(lost.request)
        except TrunklineError:
            return lost
        if message is None or message["status"] == "pending":
            return lost
        return Result(
            request=lost.request, outcome=lost.outcome, result=message["status"], error=lost.error
        )

    async def _read(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Read, and try again where that may help.

        Raises:
            Rejected: the server says no, and would say so again.
            NotSent, OutcomeUnknown: there is no answer, or only that of a server in trouble.
        """
        for pause in PAUSES:
            with suppress(NotSent, OutcomeUnknown):
                return await self._read_once(path, params)
            await trio.sleep(pause)
        return await self._read_once(path, params)

    async def _read_once(self, path: str, params: Mapping[str, Any] | None) -> Any:
        try:
            return await ask(self._asker, "GET", path, params)
        except Rejected as exc:
            if is_in_trouble(exc.reply["status"]):
                raise OutcomeUnknown(str(exc)) from exc
            raise


def _checked(request_id: str) -> str:
    """Let nothing into a path that is no id."""
    if not is_id(request_id):
        raise InvalidData("this is no id of a request")
    return request_id


def _message(row: object) -> Message:
    if not isinstance(row, Mapping):
        raise InvalidData("a request was asked for, and something else came")
    return message_of(row)
