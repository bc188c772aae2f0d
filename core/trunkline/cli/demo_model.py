"""What the demo shows, gathered from events; no terminal in sight."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from trunkline.events import Event, Gap
from trunkline.text import escaped

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "TIMED_OUT", "ABORTED", "CANCELLED", "CANCELED"})  # fmt: skip
PENDING_APPROVAL = "pending"
RATE_WINDOW = 5.0  # s over which messages are counted
EXECUTIONS = 30
NOTICES = 6
#: What can be done from a second terminal; ids may be cut short.
SECOND_TERMINAL = ("flows stop ID", "flows follow ID", "approvals approve ID")
LINES = 400  # plain lines that may wait to be printed


@attrs.define
class ExecutionRow:
    """One execution as the table shows it."""

    id: str
    flow: str = "?"
    status: str = "?"
    started: float = attrs.field(factory=time.monotonic)
    ended: float | None = None
    line: str = ""
    tokens: int = 0
    cost: float | None = None

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return (self.ended or time.monotonic()) - self.started


@attrs.define
class ApprovalRow:
    """One pending request."""

    id: str
    tool: str
    why: str
    since: float
    expires_at: datetime | None


class DemoModel:
    """Takes every event of the host; asked for rows by the view."""

    def __init__(self, url: str, file: Path) -> None:
        self.url = url
        self.hints = tuple(f"trunkline {words} --config {file}" for words in SECOND_TERMINAL)
        self.state = "disconnected"
        self.retry_in: float | None = None
        self.reconnects = 0
        self.gaps = 0
        self.counts: Counter[str] = Counter()
        self.activity: Counter[str] = Counter()
        self.executions: dict[str, ExecutionRow] = {}
        self.approvals: dict[str, ApprovalRow] = {}
        self.decided: Counter[str] = Counter()
        self.notices: deque[str] = deque(maxlen=NOTICES)
        self._times: deque[float] = deque(maxlen=100_000)
        self._lines: deque[str] = deque(maxlen=LINES)
        self._lines += [f"in a second terminal: {hint}" for hint in self.hints]

    @property
    def rate(self) -> float:
        """Messages per second, over the last few."""
        now = time.monotonic()
        while self._times and self._times[0] < now - RATE_WINDOW:
            self._times.popleft()
        return len(self._times) / RATE_WINDOW

    def take(self, event: Event) -> None:
        """Take an event of any topic."""
        self.counts[event.topic] += 1
        if event.origin == "live":
            self._times.append(time.monotonic())
        match event.topic:
            case "flow_executions":
                self._take_flow(event)
            case "approvals":
                self._take_approval(event)
            case "activity":
                kind = str(event.get("activity.event_type", "?"))
                self.activity[kind] += 1
                self._say(event, kind)
            case "system":
                self._take_system(event)

    def take_gap(self, gap: Gap) -> None:
        """Take a gap: the connection was away."""
        self.gaps += 1
        seconds = (gap.until - gap.since).total_seconds()
        self._notice(f"gap of {seconds:.1f} s announced")
        now = datetime.now().astimezone()
        self._lines.append(f"{now:%H:%M:%S} -- gap of {seconds:.1f} s: events may be missing --")

    def _take_flow(self, event: Event) -> None:
        execution_id = str(event.get("execution_id", "?"))
        row = self.executions.pop(execution_id, None) or ExecutionRow(execution_id)
        self.executions[execution_id] = row  # the most recent last
        while len(self.executions) > EXECUTIONS:
            self.executions.pop(next(iter(self.executions)))
        row.flow = str(
            event.get("payload.flow_name")
            or event.get("payload.fleet_context.flow_name")
            or row.flow
        )
        if event.type in {"execution_started", "status_update"} and event.get("payload.status"):
            row.status = str(event.get("payload.status"))
            row.ended = time.monotonic() if row.status in TERMINAL else None
            self._say(event, f"{execution_id[:8]} {row.flow} {row.status}")
        if event.type == "agent_log_line":
            row.line = str(event.get("payload.line", ""))
            self._say(event, row.line)
        row.tokens = int(event.get("payload.total_tokens") or row.tokens)
        row.cost = event.get("payload.estimated_cost", row.cost)

    def _take_approval(self, event: Event) -> None:
        request_id = str(event.get("approval_request_id", "?"))
        status = str(event.get("status", "?"))
        self._say(event, f"{request_id[:8]} {event.get('tool_name', '?')} {status}")
        if status == PENDING_APPROVAL:
            known = self.approvals.get(request_id)
            self.approvals[request_id] = ApprovalRow(
                request_id,
                str(event.get("tool_name", "?")),
                str(event.get("summary") or event.get("agent_reasoning") or ""),
                known.since if known else time.monotonic(),
                _moment(event.get("expires_at")),
            )
        elif self.approvals.pop(request_id, None):
            self.decided[status] += 1

    def _take_system(self, event: Event) -> None:
        if event.type == "connection.state":
            self.state = str(event.get("new"))
            self.retry_in = event.get("retry_in")
            if self.state == "connected" and event.epoch > 1:
                self.reconnects += 1
            because = "" if self.state == "connected" else f" ({event.get('cause')})"
            self._notice(f"connection {self.state}{because}")
        self._say(event, str(event.get("new", "")))

    def _notice(self, text: str) -> None:
        self.notices.append(f"{datetime.now().astimezone():%H:%M:%S} {text}")

    def _say(self, event: Event, text: str) -> None:
        when = f"{event.received_at.astimezone():%H:%M:%S}"
        self._lines.append(f"{when} {event.topic:15} {event.type:22} {escaped(text, 90)}".rstrip())

    def new_lines(self) -> Iterator[str]:
        """Yield the plain lines since the last call."""
        while self._lines:
            yield self._lines.popleft()

    def farewell(self) -> str:
        """Return what was seen, in two lines."""
        topics = ", ".join(f"{topic} {count}" for topic, count in sorted(self.counts.items()))
        return (
            f"events: {topics}\nreconnects survived: {self.reconnects}, gaps announced: {self.gaps}"
        )


def _moment(text: Any) -> datetime | None:
    """Read a time of the server's; without offset it is UTC (protocol §6.2)."""
    try:
        return datetime.fromisoformat(text + "+00:00" if "+" not in text else text)
    except (TypeError, ValueError):
        return None
