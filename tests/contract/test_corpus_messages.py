"""C34 to C52 and C56 to C59: odd messages, through a real connection over memory streams."""

import logging
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson
import pytest
import trio
import trio.testing
from connection_bench import Bench, open_bench
from tests.contract.corpus.messages import (
    CANARY,
    CASES,
    Arrives,
    Case,
    Dropped,
    Unclassified,
    large,
)
from tests.contract.corpus.peer import AUTHENTICATED, FIRST, Peer, Pieces
from transport_bench import BINARY, TEXT, frame

from trunkline.connection.states import ConnectionState
from trunkline.errors import InvalidData
from trunkline.events import Event

FLOOD = 200
MEMORY = 4 << 20  # bytes


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return what captures the log of the core, down to DEBUG."""
    caplog.set_level(logging.DEBUG, "trunkline")
    return caplog


def check_log(log: pytest.LogCaptureFixture, most: int = 1) -> list[logging.LogRecord]:
    """Check that nothing of the peer's words is in it, and no traceback; return the warnings."""
    for record in log.records:
        assert CANARY not in record.getMessage() + str(vars(record))
        assert not record.exc_info
    warnings = [record for record in log.records if record.levelno >= logging.WARNING]
    assert len(warnings) <= most
    return warnings


def check_kept(bench: Bench) -> None:
    """Check that the link is the one it was, and what stood around the bad input has arrived."""
    assert bench.connection.state is ConnectionState.CONNECTED
    assert bench.connection.status.epoch == 1
    assert bench.states == ["connecting", "connected"]
    assert bench.gaps == []
    assert len(bench.events("before")) == len(bench.events("after")) == 1


def check_outcome(bench: Bench, outcome: Dropped | Arrives | Unclassified, text: str) -> None:
    """Compare what became of a message with what the corpus says."""
    dropped = bench.connection.statistics().dropped
    unclassified = dict(bench.router.statistics().unclassified)
    assert unclassified.pop("before") == unclassified.pop("after") == 1
    announced = [
        event.get("type")
        for event in bench.events("system")
        if event.type == "message.unclassified" and event.get("type") not in {"before", "after"}
    ]
    arrived = [
        item
        for item in bench.seen
        if isinstance(item, Event) and item.topic not in {"before", "after", "system"}
    ]
    match outcome:
        case Dropped(reason):
            assert dropped == {reason: 1}
            assert (arrived, unclassified, announced) == ([], {}, [])
        case Arrives(topic, data, is_writable):
            assert dropped == {}
            [event] = arrived
            assert (event.topic, event.origin) == (topic, "live")
            if data is not None:
                assert event.data == data
            else:  # too deep to be compared by recursion
                assert depth(event.get("a")) == text.count("[")
            check_writing(event, is_writable)
        case Unclassified(shown, counted, topic):
            assert dropped == {}
            assert unclassified == {counted: 1}
            assert announced == [shown]
            assert [event.topic for event in arrived] == ([] if topic is None else [topic])


def depth(value: Any) -> int:
    """Return how many lists stand in each other."""
    levels = 0
    while isinstance(value, list):
        levels += 1
        value = value[0] if value else None
    return levels


def check_writing(event: Event, is_writable: bool) -> None:
    """Check that an event is written as JSON, or refused by name."""
    if is_writable:
        assert orjson.loads(event.to_json())["data"] == event.data
        return
    with pytest.raises(InvalidData, match=event.id):
        event.to_json()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("fast_lane", [True, False], ids=["lane", "no-lane"])
async def test_an_odd_message_costs_nothing_but_itself(
    case: Case,
    fast_lane: bool,
    autojump_clock: trio.testing.MockClock,
    log: pytest.LogCaptureFixture,
) -> None:
    """Counted where it is dropped, the events around it arrive, same epoch, no word of it logged."""
    text = case.text()
    async with open_bench(fast_lane=fast_lane) as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})
        bench.simulator.push_text(text)
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        check_outcome(bench, case.outcome, text)
        if case.number == 51:
            [event] = bench.events("flow_executions")
            assert abs(event.received_at - datetime.now(UTC)).days < 365 * 20
            assert event.received_at.timestamp() >= 1_795_000_000
    warnings = check_log(log)
    if isinstance(case.outcome, Dropped) and case.outcome.path is not None:
        [warning] = warnings
        assert case.outcome.path in str(vars(warning))


def floods() -> Iterator[Any]:
    """Yield one case of each number that is dropped."""
    numbers = set()
    for case in CASES:
        if isinstance(case.outcome, Dropped) and case.number not in numbers:
            numbers.add(case.number)
            yield pytest.param(case, id=case.id)


@pytest.mark.parametrize("case", list(floods()))
async def test_a_flood_of_them_is_counted_and_not_logged_one_by_one(
    case: Case, autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """One warning at most in a minute, however many come."""
    assert isinstance(case.outcome, Dropped)
    text = case.text()
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})
        for _ in range(FLOOD):
            bench.simulator.push_text(text)
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        assert bench.connection.statistics().dropped == {case.outcome.reason: FLOOD}
    check_log(log)


async def test_all_of_the_corpus_in_one_life(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """One after the other, in one read or in many: every drop is counted, every event arrives."""
    expected: dict[str, int] = {}
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})
        for number, case in enumerate(CASES):
            if isinstance(case.outcome, Dropped):
                expected[case.outcome.reason] = expected.get(case.outcome.reason, 0) + 1
            bench.simulator.push_text(case.text())
            bench.simulator.push({"type": "between", "n": number})
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        assert [event.get("n") for event in bench.events("between")] == list(range(len(CASES)))
        assert bench.connection.statistics().dropped == expected
    check_log(log, most=len(CASES))


def saying(*frames: bytes) -> Pieces:
    """Say everything up to READY, then `frames`."""

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, FIRST
        yield 0.5, AUTHENTICATED
        yield 0.5, b"".join(frames)

    return pieces


async def test_c34a_a_binary_message_is_dropped_and_counted(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """Where a user of the connection sees it."""
    before, after = frame(TEXT, b'{"type":"before"}'), frame(TEXT, b'{"type":"after"}')
    peer = Peer(saying(before, frame(BINARY, CANARY.encode()), frame(BINARY), after))
    async with (
        trio.open_nursery() as nursery,
        open_bench(wrap=peer.first(nursery)) as bench,
    ):
        await bench.connection.wait_connected()
        await trio.sleep(1)
        check_kept(bench)
        assert sum(bench.connection.statistics().dropped.values()) == 2
    check_log(log)


@pytest.mark.unmeasured
async def test_c39_the_smallest_objects_in_the_largest_message_arrive(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """Parsed at thirty times its size; ten more are the bench's own copies. And it comes back."""
    text = large()
    assert 0.98 * (4 << 20) < len(text) < 4 << 20
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})
        await trio.sleep(1)
        tracemalloc.start()
        try:
            bench.simulator.push_text(text)
            bench.simulator.push({"type": "after"})
            await trio.sleep(1)
            [event] = bench.events("large")
            assert len(event.get("a")) == text.count("{}")
            _, peak = tracemalloc.get_traced_memory()
            assert peak <= (30 + 10) * (4 << 20)
            bench.seen.remove(event)
            del event
            now, _ = tracemalloc.get_traced_memory()
            assert now <= MEMORY + len(text)
        finally:
            tracemalloc.stop()
        check_kept(bench)
    check_log(log)


@attrs.frozen
class Progress:
    """What a plugin makes of a message."""

    n: int
    ok: bool = True


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({}, "$.n: required key 'n' is missing", id="C45"),
        pytest.param({"n": "5"}, "$.n: expected an integer", id="C46"),
        pytest.param({"n": 5, "ok": "false"}, "$.ok: expected true or false", id="C47"),
    ],
)
async def test_in_a_typed_view_it_is_an_error_of_that_handler_alone(
    fields: dict[str, Any],
    path: str,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the path and no value, one line for all of them; the other handlers never notice."""
    caught: list[str] = []
    good: list[int] = []

    def handler(event: Event) -> None:
        try:
            good.append(event.as_(Progress).n)
        except InvalidData as exc:
            caught.append(str(exc))
            raise

    message = {"type": "progress", "secret": CANARY, **fields}
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.connection.subscribe("progress", handler)
        bench.simulator.push({"type": "before"})
        for _ in range(3):
            bench.simulator.push(message)
        bench.simulator.push({"type": "progress", "n": 1})
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        assert len(bench.events("progress")) == 4
        assert caught == [f"Progress: {path}"] * 3
        assert good == [1]
        assert bench.router.statistics().handler_errors == {"": 3}
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert warning.getMessage() == "handler.failed"
    assert CANARY not in caplog.text


async def test_c44_an_unknown_field_of_a_reply_reaches_who_asked(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """It is ignored by us, and stays in the data."""
    reply = {"type": "pong", "extra": CANARY}
    assert await asked(reply, log) == reply


async def test_c52_a_result_of_1_mib_is_delivered_and_not_logged(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """To who asked, whole."""
    reply = {"type": "pong", "result": CANARY * (1 << 20)}
    assert await asked(reply, log) == reply
    assert all(len(str(vars(record))) < 10_000 for record in log.records)


async def asked(reply: dict[str, Any], log: pytest.LogCaptureFixture) -> Any:
    """Return what a ping is answered with; `reply` comes twice, and counts once."""
    got: list[Any] = []
    async with open_bench(max_message_bytes=32 << 20) as bench:
        bench.simulator.answers_pings = False
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})

        async def ask() -> None:
            got.append(await bench.connection.send({"type": "ping"}))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(1)
            bench.simulator.push_text(orjson.dumps(reply).decode())
            bench.simulator.push_text(orjson.dumps(reply).decode())
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        assert bench.connection.statistics().dropped == {"unasked_reply": 1}
    check_log(log)
    return got[0]


# establishing


def event_frame(**fields: Any) -> bytes:
    """Return a message as a frame."""
    return frame(TEXT, orjson.dumps(fields))


def acknowledged(topic: str) -> bytes:
    """Return that a topic was taken."""
    return event_frame(type="subscription_ack", action="subscribed", topics=[topic], topic=topic)


def refusals(log: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Return (level, topic) of what the log says about refused topics."""
    return [
        (record.levelno, vars(record)["topic"])
        for record in log.records
        if record.getMessage() == "topic.refused"
    ]


async def test_c56a_a_refused_topic_is_told_and_the_rest_lives(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """One ERROR, one `system` event."""
    async with open_bench(topics=["approvals", "made_up", "runners"]) as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "runner_updated"})
        await trio.sleep(1)
        assert len(bench.events("runners")) == 1
        told = [event for event in bench.events("system") if event.type == "topic.refused"]
        assert [event.get("topic") for event in told] == ["made_up"]
        assert bench.connection.status.epoch == 1
    assert refusals(log) == [(logging.ERROR, "made_up")]


@pytest.mark.parametrize("answer", ["subscription_ack", "subscription_error"])
async def test_c56b_a_topic_answered_for_another_is_told_and_the_rest_lives(
    answer: str, autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """What was asked for has no answer, and that is said."""
    other = (
        acknowledged("audit")
        if answer == "subscription_ack"
        else event_frame(type=answer, error="no", topic="audit")
    )

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, FIRST
        yield 0.5, AUTHENTICATED
        yield 0.5, acknowledged("runners") + other
        yield 11.0, event_frame(type="runner_updated")

    peer = Peer(pieces)
    topics = ["runners", "approvals"]
    async with (
        trio.open_nursery() as nursery,
        open_bench(wrap=peer.first(nursery), topics=topics) as bench,
    ):
        await trio.sleep(15)
        assert len(bench.events("runners")) == 1
        told = [event for event in bench.events("system") if event.type == "topic.refused"]
        assert [event.get("topic") for event in told] == ["approvals"]
        assert bench.connection.status.epoch == 1
    assert refusals(log) == [(logging.ERROR, "approvals")]


async def lost_before_ready(pieces: Pieces, cause: str, after: float, **settings: Any) -> Bench:
    """Let a peer say `pieces` in the first epoch; return the bench, connected in the second.

    It is lost `after` so many seconds, and the time to leave a peer that does not close.
    """
    peer = Peer(pieces)
    async with (
        trio.open_nursery() as nursery,
        open_bench(wrap=peer.first(nursery), **settings) as bench,
    ):
        await bench.until(ConnectionState.RECONNECTING)
        assert trio.current_time() - bench.attempts[0] == pytest.approx(after, abs=1.6)
        await bench.connection.wait_connected()
        await trio.sleep(5)
        assert peer.gone is not None
        assert bench.connection.statistics().disconnects == {cause: 1}
        assert bench.states == ["connecting", "reconnecting", "connected"]
        return bench


async def test_c57_topics_that_are_never_answered_end_the_epoch(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """After ten seconds for each answer, though events come all the time."""

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, FIRST
        yield 0.0, AUTHENTICATED
        for _ in range(60):
            yield 0.5, event_frame(type="runner_updated", secret=CANARY)

    bench = await lost_before_ready(pieces, "topics", 10.0, topics=["runners"])
    assert bench.events("runners") == []
    check_log(log)


async def test_c58_messages_before_ready_are_inside_the_gap(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """10,000 before the greeting, then some before each answer: counted, not routed, not kept."""
    count, filler = 10_000, CANARY * 80
    each = event_frame(type="early", filler=filler)
    bad = frame(TEXT, b"[]") + event_frame(type="handshake", session_id=5)

    def pieces() -> Iterator[tuple[float, bytes]]:
        for _ in range(count // 50):
            yield 0.01, each * 50
        yield 0.0, bad + FIRST + each
        yield 0.0, bad + AUTHENTICATED + each
        yield 0.0, bad + acknowledged("runners") + event_frame(type="after")

    peer = Peer(pieces)
    async with trio.open_nursery() as nursery:
        tracemalloc.start()
        try:
            async with open_bench(wrap=peer.first(nursery), topics=["runners"]) as bench:
                await bench.connection.wait_connected()
                await trio.sleep(1)
                _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(bench.events("early")) == 0
        assert len(bench.events("after")) == 1
        assert bench.connection.statistics().dropped == {
            "before_ready": count + 2,
            "not_an_object": 3,
            "invalid_reply": 3,
        }
    assert count * len(each) > 8 << 20
    assert peak <= MEMORY
    check_log(log, most=3)


async def test_c59a_a_token_that_is_met_with_silence_or_anonymity_is_not_taken(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """An anonymous greeting is every server's first; with nothing after it, nothing is routed."""

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, FIRST
        for _ in range(60):
            yield 0.2, FIRST + event_frame(type="runner_updated", secret=CANARY)

    bench = await lost_before_ready(pieces, "authenticate", 5.0)
    assert bench.events("runners") == []
    check_log(log)


@pytest.mark.parametrize("error", ["Invalid or expired token", ""])
async def test_c59b_a_token_that_is_refused_is_a_refusal(
    error: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Tried again at once with a fresh one."""

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, FIRST
        yield 0.1, event_frame(type="auth_error", error=error)

    await lost_before_ready(pieces, "refusal", 0.1)


async def test_c59c_a_greeting_as_somebody_else_is_a_refusal(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Who we are was settled by the first epoch; nothing that is another user's is routed."""
    mallory = event_frame(type="authenticated", user={"id": "m", "username": "mallory"})

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, FIRST
        yield 0.1, mallory

    peer = Peer(pieces)
    async with (
        trio.open_nursery() as nursery,
        open_bench(wrap=peer.first(nursery)) as bench,
    ):
        await bench.connection.wait_connected()
        await trio.sleep(1)
        assert bench.connection.status.user == "mallory"
        bench.connection.retry_now()
        await bench.until(ConnectionState.BLOCKED)
        assert bench.connection.statistics().disconnects["identity"] >= 2
        bench.simulator.push({"type": "runner_updated"})
        await trio.sleep(1)
        assert bench.events("runners") == []
