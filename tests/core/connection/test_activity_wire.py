"""Activity on the wire: what the server may see of it, and that nothing recorded ends a session."""

from typing import Any

import orjson
import pytest
import trio
import trio.testing
from examples import examples
from host_bench import running
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.connection.protocol import encode_activity
from trunkline.errors import Rejected
from trunkline.events import Event
from trunkline.simulator import Simulator

DATA = {
    "at": 1_795_000_000_000,
    "name": "a.b",
    "metadata": {"k": "private"},
    "session": "s-1",
    "subject": "u-1",
    "traits": {"plan": "pro"},
    "device": {"os": "Linux"},
    "visitor_id": "v-1",
    "context": {"plugin": "p"},
}


@pytest.mark.parametrize("kind", ["action", "conversion", "page_view", "session_hello"])
@pytest.mark.parametrize(
    ("anonymous", "shares", "seen", "unseen"),
    [
        (True, (), (), ("private", "s-1", "u-1", "pro", "Linux", "plugin")),
        (True, ("anonymous",), ("private", "s-1", "Linux"), ("u-1", "pro", "plugin")),
        (True, ("anonymous", "subject"), ("private", "s-1", "Linux"), ("u-1", "pro", "plugin")),
        (False, (), ("private", "s-1", "Linux"), ("u-1", "pro", "plugin")),
        (False, ("subject",), ("private", "s-1", "u-1", "pro", "Linux"), ("plugin",)),
    ],
)
def test_a12_a18_what_the_server_may_see(
    kind: str,
    anonymous: bool,
    shares: tuple[str, ...],
    seen: tuple[str, ...],
    unseen: tuple[str, ...],
) -> None:
    """Least while anonymous, for it shows that to everybody; a subject only with a token, and asked for."""
    event = Event("activity", kind, DATA, origin="local")
    text = orjson.dumps(encode_activity(event, anonymous=anonymous, shares=shares)).decode()
    assert event.id in text
    of_hello, of_others = {"Linux"}, {"private"}
    wanted = set(seen) - (of_others if kind == "session_hello" else of_hello)
    assert all(word in text for word in wanted)
    assert not any(word in text for word in unseen)


async def test_a12_the_settings_reach_the_wire(autojump_clock: trio.testing.MockClock) -> None:
    """`send_subject`, over identify: a new hello with subject and redacted traits, records with it."""
    tables: dict[str, Any] = {"plugin": {"activity": {"send_subject": True}}}
    async with running(tables) as (host, simulator):
        await host.connection.wait_connected()
        host.tracker.identify("u-1", {"plan": "pro", "password": "canary"})
        host.tracker.track_action("a.b")
        assert (await host.tracker.flush(30)).is_done
        frames = [orjson.loads(str(got.frame)) for got in simulator.received]
    sent = [frame for frame in frames if frame["type"] == "activity"]
    first, *rest = [frame["_trunkline"] for frame in sent if frame["event"] == "session_hello"]
    assert "subject" not in first
    assert (rest[-1]["subject"], rest[-1]["traits"]) == (
        "u-1",
        {"plan": "pro", "password": "[redacted]"},
    )
    [action] = [frame for frame in sent if frame["event"] == "action"]
    assert action["metadata"]["_trunkline"]["subject"] == "u-1"
    assert "canary" not in str(frames)


async def test_a12_the_hello_is_first_in_each_epoch_and_everything_comes_over_reconnects(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two hundred records over twenty lost links: in order for each subject, none missing."""
    async with running({"connection": {"url": "ws://127.0.0.1:1/api/v1/ws/unified", "token": {"env": "TOKEN"}, "backoff_max": 0.2}}) as (host, simulator):  # fmt: skip
        ids: dict[str, list[str | None]] = {}
        for number in range(200):
            subject = f"u-{number % 7}"
            ids.setdefault(subject, []).append(host.tracker.track_action(subject))
            if number % 10 == 9:
                await trio.sleep(2)
                simulator.close_all(1012 if number % 20 == 9 else None)
        with trio.fail_after(600):
            assert (await host.tracker.flush(500)).is_done
        frames = [orjson.loads(str(got.frame)) for got in simulator.received]
    got: dict[str, list[str]] = {}
    is_fresh = True
    for frame in frames:
        if frame["type"] == "authenticate":
            is_fresh = True
        elif frame["type"] == "activity":
            assert (frame["event"] == "session_hello") == is_fresh
            is_fresh = False
            if frame["event"] == "action":
                got.setdefault(frame["action"], []).append(frame["metadata"]["_trunkline"]["id"])
    assert {name: list(dict.fromkeys(each)) for name, each in got.items()} == ids


async def test_a_command_waits_for_one_batch_of_activity_at_most(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two thousand records are queued before it."""
    async with running() as (host, simulator):
        await host.connection.wait_connected()
        for number in range(2000):
            host.tracker.track_action(f"n{number}")
        await host.tracker.flush(1, until="stored")
        while sum('"action"' in str(got.frame) for got in simulator.received) < 100:
            await trio.lowlevel.checkpoint()
        before = len(simulator.received)
        with pytest.raises(Rejected):
            await host.connection.send({"type": "command", "command": "stop", "execution_id": "x"})
        frames = [str(got.frame) for got in simulator.received]
        assert (await host.tracker.flush(60)).is_done
    place = next(n for n, frame in enumerate(frames) if '"command"' in frame)
    assert place - before <= 64
    assert len(frames) < 1000  # it did not wait for them all


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
    ),
)
calls = st.lists(
    st.tuples(
        st.sampled_from(["track_page_view", "track_action", "track_conversion"]),
        st.text(max_size=600),
        st.dictionaries(st.text(), anything, max_size=3) | anything,
        anything,
    ),
    max_size=6,
)


@settings(max_examples=examples(8))  # each is a host
@given(calls)
def test_a12_whatever_is_recorded_ends_no_session_and_loses_no_row(
    drawn: list[tuple[str, str, Any, Any]],
) -> None:
    """Against a server that closes for what the real one closes for, and drops what it drops."""

    async def main() -> None:
        simulator = Simulator(seed=1)
        async with running(simulator=simulator) as (host, _):
            await host.connection.wait_connected()
            taken = [
                getattr(host.tracker, call)(name, metadata=metadata, at=at)
                for call, name, metadata, at in drawn
            ]
            assert (await host.tracker.flush(30)).is_done
            assert host.connection.status.epoch == 1
            frames = [orjson.loads(str(got.frame)) for got in simulator.received]
            rows = [f["metadata"]["_trunkline"]["id"] for f in frames if f.get("event") in {"page_view", "action", "conversion"}]  # fmt: skip
            assert rows == [id_ for id_ in taken if id_]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
