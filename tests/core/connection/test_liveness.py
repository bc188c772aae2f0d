"""How a connection notices that its peer is dead, silent or stuck, and that a late timer of ours is none of that."""

import math
import random
from typing import Any

import pytest
import trio
import trio.lowlevel
from connection_bench import CONNECTED, RECONNECTING, open_bench

from trunkline.connection.close_policy import LinkLost
from trunkline.connection.heartbeat import Heartbeat
from trunkline.simulator import Fault, Plan, Simulator
from trunkline.simulator.faulty import Faulty


async def test_lv1_a_dead_link_is_noticed_within_32_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Both directions mute: aborted by the heartbeat, no close handshake waited for."""
    plan = Plan((Fault(kind="mute", at=100.0),))

    def muted(dial: Any) -> Any:
        async def dialled(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            return Faulty(await dial(endpoint, on_phase), plan)

        return dialled

    async with open_bench(wrap=muted) as bench:
        await bench.connection.wait_connected()
        start = trio.current_time()
        with trio.fail_after(200):
            await bench.next_change()
        assert trio.current_time() - start <= 100 + 32
        assert bench.changes[-1].cause == "heartbeat"


async def test_lv4_silence_of_our_own_making_counts_against_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """While the inbox is full nothing is read: the link is judged once that is over."""

    class Link:
        last_rx = trio.current_time()
        is_paused = True

    link: Any = Link()
    pings: list[Any] = []

    def write(ping: Any) -> None:
        ping.heads_since = trio.current_time()
        pings.append(ping)

    heartbeat = Heartbeat(link, 1, 20.0, random.Random(1), write)
    with trio.move_on_after(20 * 1.1 + 30) as scope:
        await heartbeat.run()
    assert scope.cancelled_caught
    link.is_paused = False
    start = trio.current_time()
    with pytest.raises(LinkLost, match="no byte for 10 s"):
        await heartbeat.run()
    assert trio.current_time() - start <= 32
    assert len(pings) == 2


async def test_lv3_a_servers_ping_is_answered_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A server less patient than our heartbeat is slow: its strict rule is met by the pong."""
    async with open_bench(Simulator(seed=1, idle_timeout=5.0)) as bench:
        await trio.sleep(600)
        assert bench.connection.status.epoch == 1
        assert len(bench.sent("pong")) >= 80


async def test_a_peer_that_works_no_more_is_left_though_bytes_flow(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """No pong for 60 s although events come: the link is wedged."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.answers_pings = False
        async with trio.open_nursery() as nursery:

            async def chatter() -> None:
                while True:
                    await trio.sleep(1)
                    bench.simulator.push({"type": "t"})

            nursery.start_soon(chatter)
            start = trio.current_time()
            await bench.next_change()
            nursery.cancel_scope.cancel()
        assert 60 <= trio.current_time() - start <= 90
        assert bench.changes[-1].cause == "heartbeat"


async def test_a_silent_server_is_left_after_five_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """No greeting: the attempt is over, cause `hello`."""
    async with open_bench(Simulator(seed=1, handshake_delay=math.inf)) as bench:
        await bench.until(RECONNECTING)
        assert bench.changes[-1].cause == "hello"


async def test_a_server_that_only_answers_pings_is_seen_by_its_last_event(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Cut off from its bus it pushes nothing: the link is up, and the age of the last event grows."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        assert bench.connection.statistics().last_event_age is None
        bench.simulator.push({"type": "t"})
        await trio.sleep(600)
        assert bench.connection.statistics().last_event_age == pytest.approx(600, abs=1)
        await bench.lose()
        await bench.until(CONNECTED)
        assert (bench.connection.statistics().last_event_age or 0) >= 600


class Kernel(trio.abc.Stream):
    """Holds back what has arrived, as the system does while the event loop stands still."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.moves = trio.Event()
        self.moves.set()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        await self.moves.wait()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def test_lv4_what_has_come_counts_before_a_timer_that_is_late(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The loop stands still for 11 s after a ping: the answer that lies there is read first."""
    kernels: list[Kernel] = []

    def wrap(dial: Any) -> Any:
        async def connect(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            kernels.append(Kernel(await dial(endpoint, on_phase)))
            return kernels[-1]

        return connect

    async with open_bench(wrap=wrap) as bench:
        await bench.connection.wait_connected()
        for _ in range(10):  # Trio shuffles what is due at the same moment
            pings = len(bench.sent("ping"))
            kernels[-1].moves = trio.Event()
            while len(bench.sent("ping")) == pings:  # noqa: ASYNC110 - the simulator tells nobody
                await trio.sleep(0.5)
            await trio.sleep(1)
            kernels[-1].moves.set()
            autojump_clock.jump(11)
            await trio.sleep(1)
        assert bench.states == ["connecting", "connected"]
