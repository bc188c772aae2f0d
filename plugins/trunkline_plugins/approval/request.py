"""A request for approval in the one form that everything here works with: the server's event.

The REST interface names the id differently and knows no types (protocol §10), so what it returns
is turned into the message that the server would have sent; pure.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from trunkline import Event, InvalidData
from trunkline_plugins.approval.types import APPROVAL_EVENTS, ApprovalEscalated, ApprovalEvent

TOPIC = "approvals"
PENDING = "pending"
ID_LENGTH = 64  # characters; the server's are UUIDs of 36
#: What a message carries of a request; the interface says more, which no event does.
_FIELDS = tuple(
    field.name for field in attrs.fields(ApprovalEvent) if field.name != "approval_request_id"
)

Message = dict[str, Any]


def key_of(request_id: str) -> str:
    """Return the id under which a request is kept: people paste ids as they find them."""
    return request_id.lower()[:ID_LENGTH]


def message_of(row: Mapping[str, Any]) -> Message:
    """Return a request object of the REST interface as the message it stands for.

    Raises:
        InvalidData: it is no request.
    """
    request_id, status = row.get("id"), row.get("status")
    if not isinstance(request_id, str) or not isinstance(status, str):
        raise InvalidData("a request for approval without `id` and `status`")
    kind = "approval_created" if status == PENDING else f"approval_{status}"
    said = {name: row[name] for name in _FIELDS if row.get(name) is not None}
    stamp = row.get("resolved_at") or row.get("requested_at")
    return {"type": kind, "approval_request_id": request_id, **said, "timestamp": stamp}


def view_of(message: Mapping[str, Any]) -> ApprovalEvent:
    """Return the typed view of a message of topic `approvals`.

    Raises:
        InvalidData: it is no event about a request.
    """
    kind = str(message.get("type"))
    view: ApprovalEvent = Event(TOPIC, kind, message).as_(APPROVAL_EVENTS.get(kind, ApprovalEvent))
    return view


def deadline_of(view: ApprovalEvent) -> datetime | None:
    """Return until when it may be answered; None: for ever."""
    later = view.new_expires_at if isinstance(view, ApprovalEscalated) else None
    return later or view.expires_at


def digest(view: ApprovalEvent) -> str:
    """Return a hash of what somebody says yes or no to: id, tool, arguments, deadline.

    Whatever of these changes makes it another question, which nobody has answered.
    """
    deadline = deadline_of(view)
    asked = [
        key_of(view.approval_request_id),
        view.tool_name,
        view.tool_args,
        deadline.isoformat() if deadline else None,
    ]
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
