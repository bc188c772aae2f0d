"""The table of approval requests as rows of plain text, for whoever draws it."""

from collections.abc import Iterable
from datetime import datetime

from trunkline_plugins.approval.store import Approval
from trunkline_plugins.text import printable, span

COLUMNS = ("request", "tool", "agent", "status", "age", "expires", "summary")

ID_SHOWN = 8  # characters: enough to tell requests apart, as Git does with commits
NAME_SHOWN = 24
SUMMARY_SHOWN = 80


def rows(approvals: Iterable[Approval], now: datetime) -> list[tuple[str, ...]]:
    """Return a row for each request, in their order, as it stands at `now`; safe to print."""
    return [_row(approval.at(now), now) for approval in approvals]


def _row(approval: Approval, now: datetime) -> tuple[str, ...]:
    return (
        printable(approval.id[:ID_SHOWN], ID_SHOWN),
        printable(approval.tool_name or "", NAME_SHOWN),
        printable(approval.agent_name or "", NAME_SHOWN),
        _status(approval),
        span(approval.age(now)),
        _expiry(approval, now),
        printable(approval.summary or "", SUMMARY_SHOWN),
    )


def _status(approval: Approval) -> str:
    text = printable(approval.status, NAME_SHOWN) + "?" * approval.is_uncertain
    if approval.is_pending and approval.votes_required:
        text += f" {approval.votes}/{approval.votes_required}"
    return text


def _expiry(approval: Approval, now: datetime) -> str:
    left = approval.time_left(now)
    return "" if left is None or not approval.is_pending else f"in {span(left)}"
