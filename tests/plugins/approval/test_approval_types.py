"""Every approval event has a class, and the class has every field of the event."""

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from trunkline import Event
from trunkline_plugins.approval import (
    APPROVAL_EVENTS,
    ApprovalDeclined,
    ApprovalEscalated,
    ApprovalEvent,
    ApprovalVoteReceived,
)

ESCALATED = {"new_expires_at": "2026-11-22T21:08:15.651491"}


def view_of(frame: dict[str, Any]) -> ApprovalEvent:
    return Event("approvals", frame["type"], frame).as_(APPROVAL_EVENTS[frame["type"]])


@pytest.fixture
def recorded(frames: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """The recorded frames of this topic."""
    return tuple(frame for frame in frames if frame["type"].startswith("approval_"))


def test_approval_events_are_those_of_the_protocol() -> None:
    """The seven types of protocol §6.2, and no other."""
    changes = ("created", "approved", "declined", "expired", "cancelled")
    assert set(APPROVAL_EVENTS) == {
        *(f"approval_{change}" for change in changes),
        "approval_vote_received",
        "approval_escalated",
    }


def test_every_recorded_approval_structures_whole(recorded: tuple[dict[str, Any], ...]) -> None:
    """What a real server has sent has a class with a field for all of it."""
    assert len(recorded) >= 4
    for frame in recorded:
        view = view_of(frame)
        assert type(view).type == frame["type"]
        assert set(frame) - {field.name for field in attrs.fields(type(view))} == {"type"}
        assert view.approval_request_id == frame["approval_request_id"]


@pytest.mark.parametrize("kind", sorted(APPROVAL_EVENTS))
def test_every_approval_type_structures(kind: str, recorded: tuple[dict[str, Any], ...]) -> None:
    """Types that were not recorded have the same fields (protocol §6.2)."""
    frame = {**recorded[0], "approval_count": 1, "approvals_required": 2, **ESCALATED, "type": kind}
    assert type(view_of(frame)) is APPROVAL_EVENTS[kind]


def test_times_without_offset_mean_utc(recorded: tuple[dict[str, Any], ...]) -> None:
    """The server writes naive UTC here and offsets elsewhere (protocol S14)."""
    frame = {**recorded[0], "type": "approval_declined", "resolved_at": "2026-11-22T21:02:32.05182"}
    view = view_of(frame)
    assert isinstance(view, ApprovalDeclined)
    assert view.resolved_at == datetime(2026, 11, 22, 21, 2, 32, 51820, tzinfo=UTC)


def test_extra_fields_are_typed(recorded: tuple[dict[str, Any], ...]) -> None:
    """Votes and a new deadline come in two types only."""
    [vote] = [each for each in map(view_of, recorded) if isinstance(each, ApprovalVoteReceived)]
    assert (vote.approval_count, vote.approvals_required) == (1, 2)
    escalated = view_of({**recorded[0], **ESCALATED, "type": "approval_escalated"})
    assert isinstance(escalated, ApprovalEscalated)
    assert escalated.new_expires_at == datetime(2026, 11, 22, 21, 8, 15, 651491, tzinfo=UTC)
