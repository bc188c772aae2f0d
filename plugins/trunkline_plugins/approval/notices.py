"""What the plugin says to people, on the topic `approval_notices`; pure.

Any sink that takes the topic delivers it. `text` is the whole notice in words, which is what a
chat shows.
"""

from datetime import datetime
from typing import Any

from trunkline_plugins.approval.answer import Result
from trunkline_plugins.approval.decision import Decision
from trunkline_plugins.approval.store import Approval
from trunkline_plugins.text import printable, span

NOTICES = "approval_notices"
ID_SHOWN = 8  # characters, as in the table
LENGTH = 300  # characters of foreign text in a sentence

WAITING = "approval.waiting"
REMINDER = "approval.reminder"
EXPIRED = "approval.expired"
DECIDED = "approval.decided"
WITHHELD = "approval.withheld"

Notice = dict[str, Any]


def about(approval: Approval, text: str, **more: Any) -> Notice:
    """Return the data of a notice: the request in short, and the words."""
    return {
        "approval_request_id": approval.id,
        "tool_name": approval.tool_name,
        "agent_name": approval.agent_name,
        "execution_id": approval.execution_id,
        "summary": approval.summary,
        "requested_at": approval.requested_at.isoformat(),
        "expires_at": approval.expires_at.isoformat() if approval.expires_at else None,
        "text": text,
        **more,
    }


def waiting(approval: Approval, now: datetime) -> Notice:
    """Say that somebody has to answer."""
    text = f"{_who(approval)} asks to use {_tool(approval)}{_why(approval)}. {_how(approval, now)}"
    return about(approval, text)


def reminder(approval: Approval, now: datetime) -> Notice:
    """Say that there is not much time left."""
    text = (
        f"Still unanswered: {_who(approval)} asks to use {_tool(approval)}. {_how(approval, now)}"
    )
    return about(approval, text)


def expired(approval: Approval) -> Notice:
    """Say that nobody has answered in time."""
    text = f"Nobody answered in time: {_who(approval)} may not use {_tool(approval)}."
    return about(approval, text)


def decided(approval: Approval, decision: Decision, result: Result) -> Notice:
    """Say that a rule has answered."""
    done = f"{decision.by} has voted to {decision.outcome}" if result.result == "pending" else ""
    done = done or f"{result.result} by {decision.by}"
    text = f"{_tool(approval)} for {_who(approval)}: {done}."
    return about(approval, text, rule=decision.by, outcome=decision.outcome, result=result.result)


def withheld(approval: Approval, decision: Decision, result: Result, now: datetime) -> Notice:
    """Say that a rule's answer was not sent or not taken, so that it is up to people."""
    why = f"{result.result}: {result.error}" if result.error else result.result
    text = (
        f"{decision.by} would {decision.outcome} {_tool(approval)} for {_who(approval)},"
        f" but: {printable(why, LENGTH)}."
    )
    if approval.at(now).is_pending:
        text += f" {_how(approval, now)}"
    return about(approval, text, rule=decision.by, outcome=decision.outcome, result=result.result)


def _who(approval: Approval) -> str:
    return printable(approval.agent_name or "an agent", LENGTH)


def _tool(approval: Approval) -> str:
    return printable(approval.tool_name or "a tool", LENGTH)


def _why(approval: Approval) -> str:
    return f" ({printable(approval.summary, LENGTH)})" if approval.summary else ""


def _how(approval: Approval, now: datetime) -> str:
    left = approval.time_left(now)
    until = f" within {span(left)}" if left is not None else ""
    return f"Answer{until}: trunkline approvals show {printable(approval.id[:ID_SHOWN], ID_SHOWN)}"
