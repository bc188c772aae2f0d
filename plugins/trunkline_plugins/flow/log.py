"""What an execution has written, and what happened to it, as lines with a level; pure.

The tail is a set in the order of time: a line that comes twice, or late, or by another way, ends
in the same place. A stored update has the time of its storing (protocol §11), so the same line may
come with two times; the two are found by what they say.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Literal

import attrs

from trunkline import Event, InvalidData
from trunkline_plugins.flow import types

Level = Literal["info", "tool", "status", "warning", "error"]

TAIL = 50  # lines kept of each execution
STORING = timedelta(seconds=2)  # the longest between an update and its storing
REMEMBERED = 2000  # lines of one that is followed; what comes again comes soon
TEXT_LENGTH = 500  # characters kept of a line; the server allows 900 KiB


@attrs.frozen(order=True)
class LogEntry:
    """One line."""

    at: datetime
    level: Level
    text: str
    is_stored: bool = attrs.field(default=False, eq=False, order=False)
    """It was fetched, and not pushed."""
    is_exact: bool = attrs.field(default=False, eq=False, order=False)
    """Its time is its own, whichever way it comes."""
    twin_at: datetime | None = attrs.field(default=None, eq=False, order=False)
    """It has come both ways: the time it had by the other one."""

    def is_same(self, other: "LogEntry") -> bool:
        """Tell whether the other is this line again, by a way it has come before."""
        return self.says(other) and other.at in {self.at, self.twin_at}

    def is_twin(self, other: "LogEntry") -> bool:
        """Tell whether the other is this line by the other way: it is stored after its time."""
        if self.is_stored is other.is_stored or self.twin_at or other.twin_at or self.is_exact:
            return False
        stored, pushed = (self, other) if self.is_stored else (other, self)
        return self.says(other) and timedelta() <= stored.at - pushed.at <= STORING

    def says(self, other: "LogEntry") -> bool:
        """Tell whether the other says the same."""
        return (self.level, self.text) == (other.level, other.text)

    def joined(self, twin: "LogEntry") -> "LogEntry":
        """Return the two as one, with the better time."""
        if self.is_stored is twin.is_stored or self.twin_at:
            return self
        stored, pushed = (self, twin) if self.is_stored else (twin, self)
        return attrs.evolve(pushed, twin_at=stored.at)


class Seen:
    """Knows which lines were there, whichever way they came."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], list[LogEntry]] = {}  # {(level, text): lines}
        self._order: deque[tuple[str, str]] = deque()

    def is_new(self, entry: LogEntry) -> bool:
        """Tell whether a line has not come before, and remember it."""
        key = (entry.level, entry.text)
        known = self._entries.setdefault(key, [])
        twin = _twin(known, entry)
        if twin is not None:
            known[known.index(twin)] = twin.joined(entry)
            return False
        known.append(entry)
        self._order.append(key)
        if len(self._order) > REMEMBERED:
            oldest = self._order.popleft()
            self._entries[oldest].pop(0)
            if not self._entries[oldest]:
                del self._entries[oldest]
        return True


def joined(tail: tuple[LogEntry, ...], entry: LogEntry) -> tuple[LogEntry, ...]:
    """Return the tail with a line in its place; the earliest gives way where it is full."""
    earliest = entry.at - STORING if entry.is_stored else entry.at
    near = list(takewhile(lambda each: each.at >= earliest, reversed(tail)))  # mostly none
    twin = _twin(near, entry)
    if twin is not None:
        return tuple(sorted(each.joined(entry) if each is twin else each for each in tail))
    if not tail or tail[-1].at < entry.at:
        return (*tail, entry)[-TAIL:]
    return tuple(sorted((*tail, entry)))[-TAIL:]


def _twin(known: Sequence[LogEntry], entry: LogEntry) -> LogEntry | None:
    """Return the same line among those that are known; of one moment, if there is such."""
    again = next((each for each in known if each.is_same(entry)), None)
    return again or next((each for each in known if entry.is_twin(each)), None)


def entry_of(view: types.FlowEvent, event: Event) -> LogEntry | None:
    """Return the line that an event stands for; None where it stands for none."""
    found = _line(view)
    if found is None or not found[1]:
        return None
    level, text, said_at = found
    at = said_at or view.timestamp or event.received_at
    is_stored = event.origin == "backfill"
    return LogEntry(
        at, level, text[:TEXT_LENGTH], is_stored=is_stored, is_exact=said_at is not None
    )


def lines(events: Iterable[Event]) -> list[LogEntry]:
    """Return the lines that events stand for; one that cannot be read stands for none."""
    found = []
    for event in events:
        try:
            view = event.as_(types.FLOW_EVENTS.get(event.type, types.FlowEvent))
        except InvalidData:
            continue
        entry = entry_of(view, event)
        found += [] if entry is None else [entry]
    return found


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
