"""What an execution has written, and what happened to it, as lines with a level; pure.

The tail is a set in the order of time: a line that comes twice, or late, or by another way, ends
in the same place.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import attrs

from trunkline_plugins.flow import types

Level = Literal["info", "tool", "status", "warning", "error"]

TAIL = 50  # lines kept of each execution
TEXT_LENGTH = 500  # characters kept of a line; the server allows 900 KiB


@attrs.frozen(order=True)
class LogEntry:
    """One line."""

    at: datetime
    level: Level
    text: str
    is_dated: bool = attrs.field(default=True, eq=False, order=False)
    """The server said when; private runners do not."""


def entry_of(event: types.FlowEvent, received_at: datetime) -> LogEntry | None:
    """Return the line that an event stands for; None where it stands for none."""
    found = _line(event)
    if found is None or not found[1]:
        return None
    level, text, said_at = found
    at = said_at or event.timestamp
    return LogEntry(at or received_at, level, text[:TEXT_LENGTH], is_dated=at is not None)


def notice(event: types.FlowEvent) -> str | None:
    """Say in words what happened to the run; None where it is not worth a line."""
    match event:
        case types.ExecutionWarning(payload=warned):
            return f"warning: {warned.message}"
        case types.ExecutionRetry(payload=retry):
            return f"retry {retry.attempt} of {retry.max_attempts or '?'}"
        case types.ExecutionParked(payload=parked):
            return f"parked: {parked.park_kind or 'waiting'}"
        case types.AgentLogError(payload=failed):
            return f"log error: {failed.error}"
        case types.AgentLoopDetected(payload=loop):
            return f"loop: {loop.error or 'the agent repeats itself'}"
        case types.NoProgressNudge():
            return "no progress; the agent was asked to go on"
        case _:
            return None


def joined(tail: tuple[LogEntry, ...], entry: LogEntry) -> tuple[LogEntry, ...]:
    """Return the tail with a line in its place; the earliest gives way where it is full."""
    if entry in tail or (not entry.is_dated and any(each.text == entry.text for each in tail)):
        return tail
    if not tail or tail[-1] < entry:
        return (*tail, entry)[-TAIL:]
    return tuple(sorted((*tail, entry)))[-TAIL:]


def ordered(entries: Iterable[LogEntry]) -> list[LogEntry]:
    """Return lines in the order of time, each once."""
    return sorted(set(entries))


def _line(event: types.FlowEvent) -> tuple[Level, str, datetime | None] | None:
    match event:
        case types.AgentLogLine(payload=log):
            return "info", log.line, log.timestamp
        case types.McpCall(payload=call) if call.status != "pending":
            outcome = f"{call.status or 'called'}: {call.error}" if call.error else call.status
            return "tool", f"{call.server_name}.{call.tool_name} {outcome or ''}".rstrip(), None
        case types.StatusUpdate(payload=update) if update.status:
            because = f": {update.error_message}" if update.error_message else ""
            return "status", update.status + because, None
        case types.AgentLogError() | types.AgentLoopDetected():
            return "error", notice(event) or "", None
        case _:
            said = notice(event)
            return None if said is None else ("warning", said, None)
