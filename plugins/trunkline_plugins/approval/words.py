"""What the commands print, as text that is safe for a terminal; pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from trunkline_plugins.approval.answer import ALREADY_DECIDED, UNANSWERED, Result
from trunkline_plugins.approval.request import Message, deadline_of, view_of
from trunkline_plugins.text import printable, span

LINE_LENGTH = 500  # characters of foreign text in one line
ARGUMENT_LINES = 60  # of a tool's arguments
ID_SHOWN = 8

#: {result: what it means for whoever asked}; the rest speaks for itself
_MEANINGS: Mapping[str, str] = {
    "pending": "the vote counts, and more are needed",
    "expired": "too late: nobody can answer it any more",
    "cancelled": "the question was taken back",
    "altered": "it is no longer what it was when it was looked at; look at it again",
    "unknown": "the server knows no such request",
    "not sent": "nothing has left; try again",
    UNANSWERED: "no answer came: look at it with `show`; deciding the same again does no harm",
}


def result_line(message: Message, result: Result) -> str:
    """Say what became of a decision: `approved: deploy_service (47381632)`."""
    view = view_of(message)
    name = f"{view.tool_name or 'a tool'} ({view.approval_request_id[:ID_SHOWN]})"
    text = f"{result.result}: {name}"
    if result.votes is not None:
        text += f": {result.votes} of {result.votes_required} votes"
    elif result.result in _MEANINGS:
        text += f": {_MEANINGS[result.result]}"
    if result.result == ALREADY_DECIDED or (result.error and not result.is_done):
        text += f": {result.error}"
    if result.unwritten:
        text += f"; the answer could not be written down: {result.unwritten}"
    return printable(text, LINE_LENGTH)


def request_lines(
    message: Message, history: Iterable[Mapping[str, Any]], now: datetime
) -> Iterator[str]:
    """Yield a request with everything that a decision needs, and what happened to it."""
    view = view_of(message)
    deadline = deadline_of(view)
    told = {
        "request": view.approval_request_id,
        "status": view.status,
        "tool": view.tool_name,
        "agent": view.managed_agent_name,
        "execution": view.execution_id,
        "asked": _moment(view.requested_at, now, "ago"),
        "expires": _until(deadline, now) if view.status == "pending" else None,
        "resolved": _moment(view.resolved_at, now, "ago"),
        "summary": view.summary,
        "reasoning": view.agent_reasoning,
    }
    for name, value in told.items():
        if value:
            yield f"{name:<10} {printable(value, LINE_LENGTH)}"
    yield ""
    yield "arguments"
    arguments = json.dumps(view.tool_args, indent=2, ensure_ascii=False).splitlines()
    for line in arguments[:ARGUMENT_LINES]:
        yield f"  {printable(line, LINE_LENGTH)}"
    if len(arguments) > ARGUMENT_LINES:
        yield f"  ... {len(arguments) - ARGUMENT_LINES} more lines; --json prints all"
    yield ""
    yield "history"
    yield from (f"  {line}" for line in _history(history))


def _history(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for entry in entries:
        when = str(entry.get("timestamp", ""))[:19].replace("T", " ")
        what = " ".join(str(entry.get("event_type", "")).split("_"))
        who = entry.get("actor_email") or ""
        comment = entry.get("comment") or entry.get("detail") or ""
        said = f": {comment}" if comment else ""
        yield printable(f"{when}  {what}{f' by {who}' if who else ''}{said}", LINE_LENGTH)


def _until(deadline: datetime | None, now: datetime) -> str:
    if deadline is None:
        return "never"
    return f"in {span(deadline - now)}" if deadline > now else "now: its time is over"


def _moment(moment: datetime | None, now: datetime, word: str) -> str | None:
    if moment is None:
        return None
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, {span(now - moment)} {word}"
