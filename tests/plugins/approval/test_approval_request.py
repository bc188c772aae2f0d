"""What the REST interface says becomes the server's own message, and a hash of what is asked."""

from typing import Any

import pytest
from approval_bench import ID, LATER, START, hash_of, naive, row

from trunkline import Event, InvalidData
from trunkline_plugins.approval import ApprovalStore
from trunkline_plugins.approval.request import digest, message_of, view_of


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("pending", "approval_created"),
        ("approved", "approval_approved"),
        ("declined", "approval_declined"),
        ("expired", "approval_expired"),
        ("cancelled", "approval_cancelled"),
    ],
)
def test_row_becomes_the_message_it_stands_for(status: str, kind: str) -> None:
    """The table takes it like an event, whatever became of the request."""
    message = message_of(row(status=status))
    assert message["type"] == kind
    store = ApprovalStore(walltime=START.timestamp)
    store.apply(Event("approvals", kind, message))
    [approval] = store.approvals()
    assert (approval.id, approval.status, approval.tool_name) == (ID, status, "deploy_service")
    assert approval.expires_at == START + LATER
    assert store.invalid_count == 0


@pytest.mark.parametrize("wrong", [{}, {"id": 1, "status": "pending"}, {"id": "a"}])
def test_what_is_no_request_is_refused(wrong: dict[str, Any]) -> None:
    """An error of ours, not a KeyError."""
    with pytest.raises(InvalidData):
        message_of(wrong)


def test_recorded_event_and_row_have_one_hash(frames: tuple[dict[str, Any], ...]) -> None:
    """What was seen as an event is what the interface shows, or it has been altered."""
    event = next(frame for frame in frames if frame["type"] == "approval_vote_received")
    same = {**event, "id": event["approval_request_id"]}
    assert digest(view_of(event)) == digest(view_of(message_of(same)))
    other = {**same, "tool_args": {**event["tool_args"], "n": 1}}
    assert digest(view_of(event)) != digest(view_of(message_of(other)))


def test_hash_does_not_depend_on_the_order_of_arguments_or_the_case_of_the_id() -> None:
    """Neither changes what is asked."""
    assert hash_of(tool_args={"a": 1, "b": 2}) == hash_of(tool_args={"b": 2, "a": 1})
    assert hash_of(request=ID.upper()) == hash_of()


def test_more_time_is_part_of_what_is_hashed() -> None:
    """An escalation names its deadline in a field of its own."""
    later = naive(START + 2 * LATER)
    escalated = {**message_of(row()), "type": "approval_escalated", "new_expires_at": later}
    assert digest(view_of(escalated)) == hash_of(expires_at=later)
