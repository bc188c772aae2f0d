"""One execution, and what a single event claims about it; pure.

Events may be missing, come twice or in any order, so a claim is not applied but weighed: each
field keeps the claim of the highest rank (`Rank`). Whatever the order of arrival, the outcome
is the same.
"""

from datetime import datetime
from typing import Any

import attrs

from trunkline_plugins.flow import types
from trunkline_plugins.flow.log import TEXT_LENGTH, LogEntry, notice
from trunkline_plugins.flow.payloads import Update

UNKNOWN = "UNKNOWN"  # nothing that was seen named a status
STOPPED = "STOPPED"
#: An execution with one of these has ended (protocol §6.3).
FINAL_STATUSES = frozenset(
    {"SUCCEEDED", "FAILED", STOPPED, "TIMEOUT", "TIMED_OUT", "ABORTED", "CANCELLED", "CANCELED"}
)

#: {field of `Execution`: value}
Claims = dict[str, Any]
#: How much a claim weighs: an end beats everything else, then the later time wins; where two
#: are of one time, the one further on does, so that no order of arrival decides.
Rank = tuple[bool, float, datetime, str]

_ORDER = ("PENDING", "INITIALIZING", "STARTING", "RUNNING")
#: Only ever grow: whatever is said last, the largest was said of the latest moment.
COUNTERS = frozenset({"tokens", "tool_calls", "cost"})


@attrs.frozen(kw_only=True)
class Execution:
    """What is known of one execution."""

    id: str
    started_at: datetime
    """The earliest moment anything is known of; aware UTC, as all times here."""
    updated_at: datetime
    """The latest one."""
    status: str = UNKNOWN
    flow_id: str | None = None
    flow_name: str | None = None
    ended_at: datetime | None = None
    last_line: str | None = None
    """The last line of its log, or the last warning or notice about it."""
    tokens: int | None = None
    tool_calls: int | None = None
    cost: float | None = None
    """In US dollars: what its model calls came to, or what the server said if that is more."""
    error: str | None = None
    summary: str | None = None
    """What the agent says it has done."""
    log: tuple[LogEntry, ...] = ()
    """The last lines, the oldest first."""
    is_uncertain: bool = False
    """Events may have been missed since the last one: it may have ended."""

    @property
    def is_final(self) -> bool:
        """It has ended."""
        return self.status in FINAL_STATUSES


def rank(field: str, value: Any, at: datetime) -> Rank:
    """Return how much it weighs that `field` was said to be `value`, `at` that time."""
    if field in COUNTERS:
        return False, float(value), at, ""
    if field == "status":
        place = f"{_ORDER.index(value) if value in _ORDER else len(_ORDER)} {value}"
        return value in FINAL_STATUSES, 0.0, at, place
    return False, 0.0, at, str(value)


def claims(event: types.FlowEvent) -> Claims:
    """Return what `event` says; fields it says nothing about are left out."""
    said = {"flow_id": event.flow_id, **_claims_of_type(event)}
    return {field: _bounded(value) for field, value in said.items() if value not in {None, ""}}


def _claims_of_type(event: types.FlowEvent) -> Claims:
    match event:
        case types.ExecutionStarted(payload=start):
            return {"status": start.status, "flow_name": start.flow_name}
        case types.StatusUpdate(payload=update):
            return _claims_of_update(update, event.timestamp)
        case types.AgentLogLine(payload=log):
            return {"last_line": log.line}
        case types.TokenUsageUpdate(payload=usage):
            return {"tokens": usage.total_tokens}
        case types.ToolCallsUpdate(payload=calls):
            return {"tool_calls": calls.tool_calls}
        case types.AgentStatus(payload=agent) if agent.status not in FINAL_STATUSES:
            return {"status": agent.status}  # an agent's end is not the run's: it may be retried
        case types.ExecutionCompleted():
            return {"status": "SUCCEEDED", "ended_at": event.timestamp}
        case types.ExecutionFailed():
            return {"status": "FAILED", "ended_at": event.timestamp}
        case types.UserStopped():
            return {"status": STOPPED, "ended_at": event.timestamp}
        case _:
            return {"last_line": notice(event)}


def _claims_of_update(update: Update, at: datetime | None) -> Claims:
    context = update.fleet_context
    return {
        "status": update.status,
        "flow_name": context.flow_name if context else None,
        "ended_at": (update.end_time or at) if update.status in FINAL_STATUSES else None,
        "tokens": update.total_tokens,
        "tool_calls": update.tool_calls_count,
        "cost": update.estimated_cost,
        "error": update.error_message,
        "summary": update.model_output_summary,
    }


def _bounded(value: object) -> object:
    return value[:TEXT_LENGTH] if isinstance(value, str) else value
