"""The events of topic `approvals` as classes, one for each type (protocol §6.2).

Each carries the whole request as it stands. Who decided, and with what comment, is in none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs


@attrs.frozen(kw_only=True)
class ApprovalEvent:
    """What every one of them has; also the view of a type that is not listed here.

    Times come without an offset and mean UTC.
    """

    type: ClassVar[str] = ""
    approval_request_id: str
    status: str
    """`pending`, or how it was settled: `approved`, `declined`, `expired`, `cancelled`."""
    account_id: str | None = None
    tool_configuration_id: str | None = None
    approval_workflow_id: str | None = None
    execution_id: str | None = None
    tool_name: str | None = None
    summary: str | None = None
    tool_args: dict[str, Any] | None = None
    """What the tool is to be called with; secrets are redacted by the server."""
    agent_reasoning: str | None = None
    managed_agent_name: str | None = None
    managed_agent_id: str | None = None
    runtime_session_id: str | None = None
    api_key_id: str | None = None
    rule_context: dict[str, Any] | None = None
    requested_at: datetime | None = None
    resolved_at: datetime | None = None
    expires_at: datetime | None = None
    timestamp: datetime | None = None


@attrs.frozen(kw_only=True)
class ApprovalCreated(ApprovalEvent):
    """An agent asks."""

    type: ClassVar[str] = "approval_created"


@attrs.frozen(kw_only=True)
class ApprovalApproved(ApprovalEvent):
    """It may go on."""

    type: ClassVar[str] = "approval_approved"


@attrs.frozen(kw_only=True)
class ApprovalDeclined(ApprovalEvent):
    """It may not."""

    type: ClassVar[str] = "approval_declined"


@attrs.frozen(kw_only=True)
class ApprovalExpired(ApprovalEvent):
    """Nobody has answered in time; sent only while an agent waits for the answer."""

    type: ClassVar[str] = "approval_expired"


@attrs.frozen(kw_only=True)
class ApprovalCancelled(ApprovalEvent):
    """The question was taken back."""

    type: ClassVar[str] = "approval_cancelled"


@attrs.frozen(kw_only=True)
class ApprovalVoteReceived(ApprovalEvent):
    """One of several needed answers came; the request is still pending."""

    type: ClassVar[str] = "approval_vote_received"
    approval_count: int
    approvals_required: int


@attrs.frozen(kw_only=True)
class ApprovalEscalated(ApprovalEvent):
    """Others are asked too, and there is more time."""

    type: ClassVar[str] = "approval_escalated"
    new_expires_at: datetime | None = None


#: {type: its class}; what this topic consists of
APPROVAL_EVENTS: Mapping[str, type[ApprovalEvent]] = {
    cls.type: cls
    for cls in (
        ApprovalCreated,
        ApprovalApproved,
        ApprovalDeclined,
        ApprovalExpired,
        ApprovalCancelled,
        ApprovalVoteReceived,
        ApprovalEscalated,
    )
}
