"""A connection's life: opened, lost, won back, closed; in virtual time over memory streams."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.lowlevel
from connection_bench import CONNECTED, RECONNECTING, TOKEN, open_bench

from trunkline.errors import NotConnected, TransportError
from trunkline.events import Event, Gap
from trunkline.simulator import Simulator


async def test_it_connects_and_says_so_in_order(autojump_clock: trio.testing.MockClock) -> None:
    """From connecting to connected, told to listeners and retained for late subscribers."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        assert bench.states == ["connecting", "connected"]
        assert bench.connection.status.user == "alice"
        late: list[Event] = []
        bench.connection.subscribe("system", late.append)
        assert [event.get("new") for event in late] == ["connected"]


async def test_the_token_travels_by_message_alone(autojump_clock: trio.testing.MockClock) -> None:
    """The upgrade, and with it the URL, never holds the token (CR5)."""
    upgrades: list[bytes] = []

    def tap(dial: Any) -> Any:
        async def tapped(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            stream = await dial(endpoint, on_phase)
            send = stream.send_all

            async def send_all(data: bytes) -> None:
                upgrades.append(bytes(data))
                await send(data)

            stream.send_all = send_all
            return stream  # type: ignore[no-any-return] # a memory stream

        return tapped

    async with open_bench(wrap=tap) as bench:
        await bench.connection.wait_connected()
        assert TOKEN.encode() not in upgrades[0]
        assert bench.sent("authenticate") == [f'{{"type":"authenticate","token":"{TOKEN}"}}']


async def test_without_a_token_it_is_anonymous(autojump_clock: trio.testing.MockClock) -> None:
    """Nothing is presented, and that is what was asked for."""
    async with open_bench(token=None) as bench:
        await bench.connection.wait_connected()
        assert bench.sent("authenticate") == []
        assert bench.connection.status.user is None


@pytest.mark.parametrize("code", [None, 1000, 1001, 1002, 1008, 1011, 1012, 1013, 4000, 4401])
async def test_it_comes_back_after_every_close_not_asked_for(
    code: int | None, autojump_clock: trio.testing.MockClock
) -> None:
    """1000 too: this server closes with it on each of its own faults."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        await bench.lose(code)
        assert bench.connection.state is RECONNECTING
        await bench.until(CONNECTED)
        assert bench.states == ["connecting", "connected", "reconnecting", "connected"]
        assert bench.connection.status.epoch == 2


async def test_gp1_a_gap_stands_where_events_may_be_missing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Events before, one gap, events after; the first READY has none."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        for number in (1, 2):
            bench.simulator.push({"type": "t", "n": number})
        await trio.sleep(1)
        await bench.lose()
        bench.simulator.push({"type": "t", "n": 3})
        await bench.until(CONNECTED)
        bench.simulator.push({"type": "t", "n": 4})
        await trio.sleep(1)
        stream = [
            item.get("n") if isinstance(item, Event) else "gap"
            for item in bench.seen
            if isinstance(item, Gap) or item.topic == "t"
        ]
        assert stream == [1, 2, "gap", 4]
        [gap] = bench.gaps
        assert gap.cause == "reconnect"
        assert gap.since < gap.until
        assert gap.epoch == 2


async def test_gp1_attempts_that_fail_make_no_gap_shorter(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """They are greeted and refused for ten minutes: the gap begins where the last epoch ended."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.refuse_tokens = True
        await bench.lose()
        lost_at = bench.walltime()
        await trio.sleep(600)
        bench.simulator.refuse_tokens = False
        await bench.until(CONNECTED)
        [gap] = bench.gaps
        assert gap.since.timestamp() <= lost_at
        assert gap.until.timestamp() >= lost_at + 600


async def test_a_message_before_ready_is_inside_the_gap(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The server may broadcast before its greeting is answered; that is not routed, but counted."""
    simulator = Simulator(seed=1)

    def early(dial: Any) -> Any:
        async def dialled(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            stream: trio.abc.Stream = await dial(endpoint, on_phase)
            nursery.start_soon(push_at_once)
            return stream

        return dialled

    async def push_at_once() -> None:
        while not simulator.socket_count:
            await trio.lowlevel.checkpoint()
        simulator.push({"type": "early"})

    async with trio.open_nursery() as nursery, open_bench(simulator, wrap=early) as bench:
        await bench.connection.wait_connected()
        await trio.sleep(1)
        assert bench.events("early") == []
        assert bench.connection.statistics().dropped == {"before_ready": 1}


async def test_su1_the_topics_are_sent_anew_in_each_epoch(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Once per epoch, and nothing is ever unsubscribed."""
    async with open_bench(topics=["approvals", "audit"]) as bench:
        await bench.connection.wait_connected()
        await bench.lose()
        await bench.until(CONNECTED)
        wanted = [f'{{"type":"subscribe","topic":"{topic}"}}' for topic in ("approvals", "audit")]
        assert bench.sent("subscribe") == wanted * 2
        assert bench.sent("unsubscribe") == []


async def test_su2_a_refused_topic_is_told_and_the_rest_lives(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It becomes connected all the same."""
    async with open_bench(topics=["nope", "audit"]) as bench:
        await bench.connection.wait_connected()
        [refused] = [e for e in bench.events("system") if e.type == "topic.refused"]
        assert refused.data == {"topic": "nope", "reason": "Unsupported topic"}
        assert "topic.refused" in [r.message for r in caplog.records if r.levelno == logging.ERROR]


async def test_replies_are_also_published_on_system(autojump_clock: trio.testing.MockClock) -> None:
    """Whoever watches `system` sees what the server said to us; pings and pongs are not news."""
    async with open_bench(topics=["audit"]) as bench:
        await bench.connection.wait_connected()
        await bench.connection.barrier()
        types = [event.type for event in bench.events("system") if event.type != "connection.state"]
        assert types == ["handshake", "authenticated", "subscription_ack"]


async def test_bo1_retry_now_without_pause_is_one_attempt_a_second(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Two attempts whose wait was skipped start at least a second apart."""

    async def refuse(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise TransportError("refused", "nobody there")

    async with open_bench(dial=refuse) as bench:
        with trio.move_on_after(60):
            while True:
                bench.connection.retry_now()
                await trio.sleep(0.05)
        spacing = [b - a for a, b in zip(bench.attempts, bench.attempts[1:], strict=False)]
        assert len(bench.attempts) > 30
        assert min(spacing) >= 1.0 - 1e-9


async def test_st3_a_listener_that_raises_harms_nobody(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the next one is told; an undo takes effect at once, and twice is once."""
    async with open_bench() as bench:

        def broken(_: object) -> None:
            raise RuntimeError("canary")

        undo = bench.connection.on_state_change(broken)
        told: list[object] = []
        bench.connection.on_state_change(told.append)
        await bench.connection.wait_connected()
        assert len(told) == 2
        count = sum(record.message == "callback.failed" for record in caplog.records)
        assert count == 2
        undo()
        undo()
        await bench.lose()
        assert sum(r.message == "callback.failed" for r in caplog.records) == count


async def test_wait_connected_says_why_it_is_not(autojump_clock: trio.testing.MockClock) -> None:
    """The error names the address, the time and the last cause."""
    simulator = Simulator(seed=1)
    simulator.refuse_tokens = True
    async with open_bench(simulator) as bench:
        with pytest.raises(NotConnected, match=r"127\.0\.0\.1.*after 3 s.*refusal: Invalid"):
            await bench.connection.wait_connected(timeout=3)


async def test_a_listener_may_skip_the_wait_and_the_status_says_so(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """`retry_now()` at the news of the loss counts, and `retry_in` is the wait that is left."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        hasten = bench.connection.on_state_change(lambda _: bench.connection.retry_now())
        start = trio.current_time()
        await bench.lose(1002)  # 24 s at least
        await trio.lowlevel.checkpoint()
        assert 0 < (bench.connection.status.retry_in or 0) <= 1
        await bench.until(CONNECTED)
        assert trio.current_time() - start <= 1.5
        hasten()
        bench.simulator.refuse_tokens = True
        await bench.lose()
        while not (bench.connection.status.cause or "").startswith("refusal"):  # noqa: ASYNC110
            await trio.sleep(0.01)
        assert bench.connection.status.retry_in == pytest.approx(1, abs=0.1)  # the one fresh try


async def test_lost_links_are_logged_once_and_then_quietly(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The first failure is a warning, repeats of the same cause are for debugging."""

    async def refuse(endpoint: Any, on_phase: Callable[[str], None]) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        raise TransportError("refused", "nobody there")

    caplog.set_level(logging.DEBUG)
    async with open_bench(dial=refuse):
        await trio.sleep(120)
    lost = [record.levelno for record in caplog.records if record.message == "connection.lost"]
    assert lost[0] == logging.WARNING
    assert len(lost) > 3
    assert set(lost[1:]) == {logging.DEBUG}
