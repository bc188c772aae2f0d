"""What the server's REST interface offers for approvals (protocol §10), and nothing else.

Reading is tried again, deciding never: whether an answer that was lost had been heard is found
out by reading.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import trio

from trunkline import InvalidData, NotSent, OutcomeUnknown, TrunklineError
from trunkline_plugins.approval.answer import NOT_FOUND, Result, error_text, result_of
from trunkline_plugins.approval.decision import Decision
from trunkline_plugins.approval.request import Message, message_of
from trunkline_plugins.seams import Requester

PATH = "/api/v1/approval-requests"
PAGE = 100  # rows; the most the server gives
MOST_PAGES = 20  # so that a server that never ends is left in the end
TRIES = 3
PAUSE = 1.0  # s before reading again; doubled each time
BUSY = frozenset({408, 425, 429})
#: What an id, or the beginning of one, may look like: it stands in a path.
ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")

Row = Mapping[str, Any]


class ServerRefused(TrunklineError):
    """The server does not answer a question; `status` is its HTTP status."""

    def __init__(self, status: int, error: str) -> None:
        self.status = status
        super().__init__(f"the server refused: {error}")


class Server:
    """Asks in the name of a plugin or a command."""

    def __init__(self, link: Requester) -> None:
        self._link = link

    async def request(self, request_id: str) -> Message | None:
        """Return a request as it stands, as a message; None: the server knows no such one.

        Raises:
            ServerRefused: it does not say.
            NotSent, OutcomeUnknown: it cannot be asked.
            InvalidData: what it says is no request.
        """
        try:
            row = await self._read(f"{PATH}/{_checked(request_id)}")
        except ServerRefused as exc:
            if exc.status == NOT_FOUND:
                return None
            raise
        return _message(row)

    async def requests(self, status: str | None = None) -> AsyncIterator[Message]:
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
        body = {"comment": decision.comment} if decision.comment else {}
        try:
            answer = await self._link.request(
                "POST", f"{PATH}/{_checked(request)}/{outcome}", None, body
            )
        except NotSent as exc:
            return Result(request=request, outcome=outcome, result="not sent", error=str(exc))
        except OutcomeUnknown as exc:
            lost = Result(request=request, outcome=outcome, result="unanswered", error=str(exc))
        else:
            lost = result_of(request, outcome, answer.status, answer.data)
        return await self._looked_up(lost) if lost.is_open else lost

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
        for attempt in range(1, TRIES + 1):
            try:
                answer = await self._link.request("GET", path, params)
            except (NotSent, OutcomeUnknown):
                if attempt == TRIES:
                    raise
            else:
                if answer.status < 300:
                    return answer.data
                is_passing = answer.status in BUSY or answer.status >= 500
                if attempt == TRIES or not is_passing:
                    said = answer.data if isinstance(answer.data, Mapping) else {}
                    raise ServerRefused(answer.status, error_text(answer.status, said))
            await trio.sleep(PAUSE * 2 ** (attempt - 1))


def _checked(request_id: str) -> str:
    """Let nothing into a path that is no id."""
    if not ID.fullmatch(request_id):
        raise InvalidData("this is no id of a request")
    return request_id


def _message(row: object) -> Message:
    if not isinstance(row, Mapping):
        raise InvalidData("a request was asked for, and something else came")
    return message_of(row)
