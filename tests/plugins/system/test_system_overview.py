"""The host's notices and the server's replies have classes, and add up to one line."""

from typing import Any

import attrs
import pytest

from trunkline import Event
from trunkline_plugins.system import SYSTEM_EVENTS, CommandAck, PluginStateChange, SystemOverview

#: {type: data} as the server and the host write them
NOTICES: dict[str, dict[str, Any]] = {
    "handshake": {"session_id": "s-1", "authenticated": False, "message": "Connected"},
    "authenticated": {"user": {"id": "u-1", "username": "alice", "email": "alice@example.com"}},
    "auth_error": {"error": "Invalid or expired token"},
    "subscription_ack": {"topic": "audit", "action": "subscribed", "topics": ["audit"]},
    "subscription_error": {"topic": None, "error": "Unsupported topic"},
    "command_ack": {
        "execution_id": "e-1",
        "command": "stop",
        "status": "not_running",
        "execution_status": "SUCCEEDED",
    },
    "command_error": {"execution_id": ["not", "an", "id"], "error": "unauthorized"},
    "connection.state": {
        "old": "connecting",
        "new": "connected",
        "cause": "ready",
        "epoch": 1,
        "attempt": 0,
        "retry_in": None,
    },
    "plugin.state": {
        "plugin": "audit",
        "old": "running",
        "new": "waiting",
        "phase": "run",
        "reason": "OSError: gone",
        "retry_at": "2026-11-22T21:02:23+00:00",
    },
    "topic.refused": {"topic": "nope", "reason": "Unsupported topic"},
    "backfill.done": {"topic": "approvals", "plugin": "approval", "epoch": 2, "count": 3},
    "backfill.failed": {"topic": "approvals", "plugin": "approval", "epoch": 2, "reason": "no"},
    "message.unclassified": {"type": "device_registered", "keys": ["platform", "type"]},
}


def notice(kind: str, **data: object) -> Event:
    return Event("system", kind, {**NOTICES.get(kind, {}), **data})


def overview_of(*events: Event) -> SystemOverview:
    overview = SystemOverview()
    for event in events:
        overview.apply(event)
    return overview


def test_every_notice_has_a_class() -> None:
    """No class is untested here."""
    assert set(SYSTEM_EVENTS) == set(NOTICES)


@pytest.mark.parametrize("kind", NOTICES)
def test_every_notice_structures_whole(kind: str) -> None:
    """Each type structures into its class, and no field is left behind."""
    view: Any = notice(kind).as_(SYSTEM_EVENTS[kind])
    assert set(NOTICES[kind]) <= {field.name for field in attrs.fields(type(view))}


def test_recorded_replies_structure(frames: tuple[dict[str, Any], ...]) -> None:
    """What a real server has answered has a class."""
    replies = [frame for frame in frames if frame["type"] in SYSTEM_EVENTS]
    assert {frame["type"] for frame in replies} >= {"handshake", "command_ack", "command_error"}
    for frame in replies:
        view: Any = Event("system", frame["type"], frame).as_(SYSTEM_EVENTS[frame["type"]])
        assert set(frame) - {field.name for field in attrs.fields(type(view))} == {"type"}


def test_echoed_ids_may_be_anything_and_times_are_times() -> None:
    """An id is echoed as it was sent; the host's times are datetimes."""
    assert notice("command_ack", execution_id=None).as_(CommandAck).execution_id is None
    retry_at: Any = notice("plugin.state").as_(PluginStateChange).retry_at
    assert retry_at is not None
    assert retry_at.utcoffset() is not None


def test_overview_says_who_is_connected() -> None:
    """The line names the state, and the user as long as there is a link."""
    overview = overview_of(notice("authenticated"), notice("connection.state"))
    assert overview.summary() == "connected as alice"
    overview.apply(notice("connection.state", old="connected", new="reconnecting"))
    assert overview.summary() == "reconnecting"


def test_overview_counts_trouble() -> None:
    """Unclassified messages, refused tokens and refused topics are counted, and say which."""
    overview = overview_of(
        notice("message.unclassified"),
        notice("message.unclassified", type="robot_waved"),
        notice("auth_error"),
        notice("topic.refused"),
        notice("subscription_ack"),
    )
    assert overview.counts() == {"message.unclassified": 2, "auth_error": 1, "topic.refused": 1}
    assert overview.summary() == (
        "unknown; unclassified types: 2 (device_registered, robot_waved);"
        " auth errors: 1 (Invalid or expired token); topics refused: 1 (nope)"
    )


def test_details_are_few_short_and_disarmed() -> None:
    """The latest of each kind; they are foreign text in an operator's terminal."""
    overview = overview_of(*(notice("message.unclassified", type=f"t{n}") for n in range(9)))
    overview.apply(notice("auth_error", error="\x1b[2J" + "x" * 1000))
    summary = overview.summary()
    assert "unclassified types: 9 (t6, t7, t8)" in summary
    assert summary.isprintable()
    assert len(summary) < 150


def test_unreadable_notice_is_counted() -> None:
    """A reply with a field of the wrong kind changes nothing else."""
    overview = overview_of(notice("authenticated", user="alice"))
    assert overview.summary() == "unknown; unreadable: 1"


def test_user_name_is_disarmed() -> None:
    """A name is foreign text in an operator's terminal."""
    user = {"id": "u-1", "username": "\x1b[2Jroot"}
    overview = overview_of(notice("authenticated", user=user), notice("connection.state"))
    assert overview.summary().isprintable()
