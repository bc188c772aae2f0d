"""Sending: replies, refusals, and the truth about what left (connection.md §10)."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
import trio
from connection_bench import CONNECTED, open_bench

from trunkline.activity.tracker import Tracker
from trunkline.errors import NotSent, OutboxFull, OutcomeUnknown, Rejected
from trunkline.simulator import Fault, Faulty, Plan, Simulator

STOP = {
    "type": "command",
    "command": "stop",
    "execution_id": "1eba553a-2baf-4603-a7a0-f8b7856aefad",
}


async def test_se1_send_waits_for_the_link_and_returns_the_reply(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Called before it is connected, it is sent once it is."""
    async with open_bench() as bench:
        assert bench.connection.state is not CONNECTED
        assert await bench.connection.send({"type": "ping"}) == {"type": "pong"}
        assert await bench.connection.send({"type": "nobody answers this"}) is None


async def test_se2_a_refusal_raises_with_the_servers_words(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The server's whole answer is at hand."""
    async with open_bench() as bench:
        with pytest.raises(Rejected, match="unauthorized") as caught:
            await bench.connection.send(STOP)
        assert caught.value.reply["type"] == "command_error"


async def test_se2_a_link_lost_in_flight_leaves_the_outcome_unknown_and_sends_nothing_twice(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The message was written, the answer never came."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.answers_pings = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lose_soon, bench)
            with pytest.raises(OutcomeUnknown):
                await bench.connection.send({"type": "ping", "n": 1})
        await bench.until(CONNECTED)
        await trio.sleep(5)
        assert sum('"n":1' in frame for frame in bench.sent("ping")) == 1


async def test_se2_a_frame_cut_short_is_unknown_also_where_no_answer_comes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nobody waits for ever: the peer stops reading in the midst of a message without a reply."""

    def stalling(dial: Any) -> Any:
        async def connect(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            return Faulty(await dial(endpoint, on_phase), Plan((Fault(kind="stall", at=5.0),)))

        return connect

    async with open_bench(wrap=stalling) as bench:
        await bench.connection.wait_connected()
        await trio.sleep(6)
        with trio.fail_after(30), pytest.raises(OutcomeUnknown):
            await bench.connection.send({"type": "nobody answers this"})


async def test_sv3_a_message_whose_answer_never_came_is_unknown_once_a_later_one_has_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The server answers in order, so nobody waits for what it has passed over."""
    async with open_bench() as bench, trio.open_nursery() as nursery:
        await bench.connection.wait_connected()
        bench.simulator.answers_pings = False

        async def ping() -> None:
            with pytest.raises(OutcomeUnknown):
                await bench.connection.barrier()

        nursery.start_soon(ping)
        await trio.sleep(1)
        with pytest.raises(Rejected):
            await bench.connection.send(STOP)
        await trio.sleep(1)
        assert not nursery.child_tasks
        assert bench.connection.status.epoch == 1


async def lose_soon(bench: Any) -> None:
    await trio.sleep(1)
    bench.simulator.close_all(None)


async def test_se3_what_is_queued_survives_a_reconnect(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Offline messages leave, in order, once the link is back."""
    replies: list[object] = []
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        await bench.lose()
        async with trio.open_nursery() as nursery:

            async def send(number: int) -> None:
                replies.append(await bench.connection.send({"type": "ping", "n": number}))

            for number in range(5):
                nursery.start_soon(send, number)
        assert len(replies) == 5
        assert len([frame for frame in bench.sent("ping") if '"n"' in frame]) == 5


async def test_se3_the_queue_is_bounded_in_messages_and_bytes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What does not fit is refused at once, and nothing of it has left."""
    async with open_bench(Simulator(seed=1, handshake_delay=math.inf)) as bench:
        async with trio.open_nursery() as nursery:
            for _ in range(1000):
                nursery.start_soon(bench.connection.send, {"type": "x"})
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(OutboxFull, match="1000 messages wait"):
                await bench.connection.send({"type": "one too many"})
            nursery.cancel_scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.connection.send, {"type": "x", "big": "b" * 900_000})
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(OutboxFull):
                await bench.connection.send({"type": "x", "big": "b" * 200_000})
            nursery.cancel_scope.cancel()


async def test_se4_a_cancelled_caller_withdraws_a_queued_message(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It never leaves, and its place is free again."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        await bench.lose()
        with trio.move_on_after(0):
            await bench.connection.send({"type": "ping", "n": "withdrawn"})
        assert bench.connection.statistics().send_queue_count == 0
        await bench.until(CONNECTED)
        await bench.connection.barrier()
        assert not any("withdrawn" in frame for frame in bench.sent("ping"))


async def test_se4_a_cancel_in_flight_drops_the_reply_and_keeps_the_socket(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The next caller gets its own answer, not the one of the caller that left."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        with trio.move_on_after(0.0001):
            await bench.connection.send({"type": "ping"})
        with pytest.raises(Rejected):
            await bench.connection.send(STOP)
        assert bench.connection.status.epoch == 1


async def test_stopping_fails_what_has_not_left(autojump_clock: trio.testing.MockClock) -> None:
    """`NotSent`: safe to send again, elsewhere."""
    async with open_bench(Simulator(seed=1, handshake_delay=math.inf)) as bench:
        errors: list[Exception] = []

        async def send(message: Mapping[str, Any]) -> None:
            try:
                await bench.connection.send(message)
            except NotSent as exc:
                errors.append(exc)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, {"type": "ping"})
            await trio.testing.wait_all_tasks_blocked()
            bench.connection.stop()
        await bench.connection.wait_ended()
        await send({"type": "ping"})
        assert len(errors) == 2


@pytest.mark.parametrize(
    "message",
    [{}, {"type": 1}, {"type": "x", "bad": object()}, {"type": "authenticate", "token": "t"}],
)
async def test_sv1_what_nobody_may_send_is_refused_at_the_call(
    message: Any, autojump_clock: trio.testing.MockClock
) -> None:
    """Also a second authentication, which would mix two users."""
    async with open_bench() as bench:
        with pytest.raises(ValueError, match=r"message|authenticated"):
            await bench.connection.send(message)


async def test_c3_activity_never_leaves_before_authentication(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The hello is the first message after READY, in each epoch; queued activity follows it."""
    tracker = Tracker(environ={})
    async with open_bench(tracker=tracker, greets=True) as bench:
        tracker.track_action("a.b", {"k": 1})
        [event] = tracker.take()
        await bench.connection.send(event)
        await bench.connection.barrier()
        await bench.lose()
        await bench.until(CONNECTED)
        await bench.connection.barrier()
        kinds = [
            "hello" if "session_hello" in str(got.frame) else str(got.frame).split('"')[3]
            for got in bench.simulator.received
        ]
        assert kinds == [
            "authenticate",
            "hello",
            "activity",
            "ping",
            "authenticate",
            "hello",
            "ping",
        ]
