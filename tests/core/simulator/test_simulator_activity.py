"""What becomes of activity messages, case by case as recorded (protocol §8)."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs
import pytest
import trio
from trio_websocket import WebSocketConnection

from trunkline.simulator import ALICE, Simulator
from trunkline.simulator.activity import read_activity
from trunkline.simulator.wire import Fatal

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
Frames = Callable[[WebSocketConnection], Awaitable[list[str]]]

NOW = 1_795_380_000.25
MOMENT = 1_795_380_645_479  # ms


def read(**message: Any) -> dict[str, Any]:
    """Return what is stored, without the columns that are empty."""
    row = read_activity({"type": "activity", **message}, NOW)
    assert row is not None
    return attrs.asdict(row, filter=lambda _, value: value is not None)


def test_page_view_keeps_path_referrer_and_metadata() -> None:
    """The referrer may also stand in the metadata."""
    page = {"event": "page_view", "path": "/flows", "timestamp": MOMENT}
    assert read(**page, referrer="https://r/", metadata={"title": "Flows"}) == {
        "event_type": "page_view",
        "timestamp": MOMENT / 1000,
        "path": "/flows",
        "referrer": "https://r/",
        "event_data": {"title": "Flows"},
    }
    assert read(**page, metadata={"referrer": "https://m/"})["referrer"] == "https://m/"


def test_action_and_conversion_have_columns_of_their_own() -> None:
    """Element and text come from the metadata; a value may be text."""
    action = read(event="action", action="click", metadata={"text": "Go", "element": "button"})
    assert action["action"] == "click"
    assert (action["element"], action["element_text"]) == ("button", "Go")
    conversion = read(event="conversion", conversion_event="signup", value="12", metadata={"a": 1})
    assert conversion["conversion_event"] == "signup"
    assert conversion["conversion_value"] == 12.0
    assert conversion["event_data"] == {"a": 1}


def test_other_events_keep_the_whole_message_in_the_databases_order() -> None:
    """JSONB sorts keys by length; `event`, `timestamp` and `metadata` are left out."""
    row = read(
        event="session_hello",
        visitor_id="v-123",
        attribution={"utm_source": "x"},
        device={"screen_width": 1920, "languages": ["en"]},
        metadata={"lost": True},
        timestamp=MOMENT,
    )
    assert json.dumps(row["event_data"]) == (
        '{"type": "activity", "device": {"languages": ["en"], "screen_width": 1920}, '
        '"visitor_id": "v-123", "attribution": {"utm_source": "x"}}'
    )


@pytest.mark.parametrize(
    ("field", "limit"),
    [("path", 512), ("referrer", 512)],
)
def test_too_long_text_of_a_page_view_is_cut(field: str, limit: int) -> None:
    """Cut, not refused."""
    assert len(read(event="page_view", **{field: "x" * 1_000})[field]) == limit


def test_too_long_text_of_an_action_is_cut() -> None:
    """The columns are 128 and 256 characters wide."""
    long = "x" * 1_000
    row = read(event="action", action=long, metadata={"element": long, "text": long})
    assert [len(row[name]) for name in ("action", "element", "element_text")] == [128, 128, 256]
    assert len(read(event="conversion", conversion_event=long)["conversion_event"]) == 128


def test_other_types_become_text() -> None:
    """As Python writes them."""
    assert read(event="action", action={"a": 1})["action"] == "{'a': 1}"
    assert read(event=5)["event_type"] == "5"
    assert read(event=["a"])["event_type"] == "['a']"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"event": ""},
        {"event": None},
        {"event": "x" * 51},
        {"event": {"a": 1}},
        {"event": "conversion", "value": "abc"},
        {"event": "conversion", "value": [1]},
        {"event": "page_view", "path": "a\0b"},
        {"event": "action", "action": "\ud800"},
        {"event": "own", "deep": {"list": ["\0"]}},
        {"event": "own", "key\0": 1},
        {"event": "own", "number": float("nan")},
    ],
)
def test_what_the_database_refuses_is_lost_in_silence(message: dict[str, Any]) -> None:
    """No row, no error, the session goes on."""
    assert read_activity(message, NOW) is None


@pytest.mark.parametrize(
    ("timestamp", "stored"),
    [
        (MOMENT, MOMENT / 1000),
        (-1_000, -1.0),
        (True, 0.001),
        (0, NOW),
        (False, NOW),
        (None, NOW),
        (10**18, NOW),
        ("yesterday", NOW),
        ("", NOW),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01", 1.0),
        ("1970-01-01T02:00:01+02:00", 1.0),
    ],
)
def test_timestamp_is_milliseconds_or_iso_else_the_servers(
    timestamp: object, stored: float
) -> None:
    """What is merely wrong becomes the server's time."""
    assert read(event="x", timestamp=timestamp)["timestamp"] == stored


@pytest.mark.parametrize(
    "message",
    [
        {"event": "x", "timestamp": 1.5},
        {"event": "x", "timestamp": [1]},
        {"event": "x", "timestamp": {}},
        {"event": "x", "timestamp": 10**30},
        {"event": "x", "timestamp": 10**400},
        {"event": "page_view", "metadata": None},
        {"event": "page_view", "metadata": []},
        {"event": "action", "metadata": "x"},
    ],
)
def test_what_the_server_stumbles_over_is_fatal(message: dict[str, Any]) -> None:
    """A float for a time, no object for metadata."""
    with pytest.raises(Fatal):
        read_activity(message, NOW)


def test_a_referrer_of_its_own_saves_odd_metadata() -> None:
    """Only who looks into it stumbles."""
    assert read(event="page_view", referrer="r", metadata=[1])["event_data"] == [1]


async def test_activity_reaches_the_account_as_recorded(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames
) -> None:
    """The sender gets it too; other accounts do not."""
    simulator = Simulator()
    async with (
        simulator.in_memory() as dial,
        connect(dial, token="demo-token") as sender,
        connect(dial, token="viewer-token") as colleague,
        connect(dial, token="other-token") as stranger,
    ):
        await sender.send_message(
            '{"type":"activity","event":"action","action":"click_signup_button",'
            '"metadata":{"element":"button","href":"/signup","text":"Sign up"},'
            '"timestamp":1795380645480}'
        )
        [frame] = await frames(sender)
        [row] = simulator.world.activity
        assert frame == (
            '{"type": "activity_update", "account_id": "fd574fbd-6838-441a-babb-7fba886addb9", '
            f'"activity": {{"id": "{row.id}", "session_id": "{row.session_id}", '
            '"user_id": "3e6260d8-e77c-40fb-b329-7e82cc384622", '
            '"account_id": "fd574fbd-6838-441a-babb-7fba886addb9", "event_type": "action", '
            '"timestamp": "2026-11-22T20:50:45.480000+00:00", "path": null, '
            '"action": "click_signup_button", '
            '"event_data": {"href": "/signup", "text": "Sign up", "element": "button"}}}'
        )
        assert await frames(colleague) == [frame]
        assert await frames(stranger) == []


async def test_anonymous_activity_reaches_every_socket(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames
) -> None:
    """Without an account the server cannot tell whose it is (S2)."""
    simulator = Simulator()
    async with (
        simulator.in_memory() as dial,
        connect(dial) as sender,
        connect(dial, token="other-token") as stranger,
    ):
        await sender.send_message('{"type":"activity","event":"page_view"}')
        [frame] = await frames(stranger)
        assert '"account_id": null' in frame


async def test_activity_stays_with_the_first_user_of_a_socket(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """Authenticating again mixes two identities (S15)."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        await ask(socket, type="authenticate", token="other-token")
        await socket.send_message('{"type":"activity","event":"x"}')
        await ask(socket, type="ping")
        assert [row.user for row in simulator.world.activity] == [ALICE]
