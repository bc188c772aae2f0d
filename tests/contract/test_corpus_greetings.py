"""C44 and C52 to C59: what a server says to a connection, and what it leaves unsaid."""

import logging
import tracemalloc
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import trio
import trio.testing
from connection_bench import Bench, open_bench
from tests.contract.corpus.checks import MEMORY, check_kept, check_log
from tests.contract.corpus.messages import CANARY
from tests.contract.corpus.peer import AUTHENTICATED, FIRST, Peer, Pieces
from transport_bench import TEXT, frame

from trunkline.connection.states import ConnectionState


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
