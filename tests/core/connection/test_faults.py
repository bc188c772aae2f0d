"""The faults of reliability §6 that concern the connection, in virtual time over memory streams."""

import itertools
import random
from typing import Any

import pytest
import trio
import trio.testing
from connection_bench import CONNECTED, RECONNECTING, open_bench
from ledger_bench import watch
from transport_bench import TEXT, answer, everything, frame, opened, read_request, saying

from trunkline.errors import OutboxFull, OutcomeUnknown, TransportError
from trunkline.events import Event, Gap
from trunkline.simulator import Fault, Faults, Faulty, Plan, Simulator
from trunkline.simulator.ledger import Ledger


def faulty(*faults: Fault) -> Simulator:
    """Return a simulator whose every connection has these faults."""
    return Simulator(seed=1, faults=Faults(plan=Plan(faults)))


async def ending(data: bytes, **options: Any) -> tuple[list[bytes], TransportError]:
    async with opened(saying(data, then_eof=True), **options) as transport:
        got = await everything(transport)
        with pytest.raises(TransportError) as caught:
            await transport.receive()
    return got, caught.value


@pytest.mark.unmeasured
async def test_f1_f2_an_end_inside_a_frame_brings_no_part_of_it(
    autojump_clock: trio.testing.MockClock, fast_lane: bool
) -> None:
    """Cut at each byte of a whole message and a 1-KiB frame: 1006 at once, and only the whole one."""
    whole, part = frame(TEXT, b'{"n":1}'), frame(TEXT, b"x" * 1000)
    for cut in range(0, len(part), 1 if fast_lane else 7):
        start = trio.current_time()
        got, error = await ending(whole + part[:cut])
        assert (got, error.kind, error.code) == ([b'{"n":1}'], "closed", None)
        assert trio.current_time() - start <= 0.1


async def test_f2_an_end_inside_the_upgrade_is_told_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Cut at each of its bytes: kind `upgrade`, within a tenth of a second."""
    for cut in range(120):

        async def script(stream: trio.abc.Stream, cut: int = cut) -> None:
            await stream.send_all(answer(await read_request(stream))[:cut])
            await stream.send_eof()  # type: ignore[attr-defined] # a stapled stream has it

        start = trio.current_time()
        with pytest.raises(TransportError) as caught:
            async with opened(script):
                pass
        assert caught.value.kind in {"upgrade", "protocol"}
        assert trio.current_time() - start <= 0.1


@pytest.mark.parametrize("kind", ["mute", "half_open"])
async def test_f3_a_black_hole_is_noticed_within_32_seconds(
    autojump_clock: trio.testing.MockClock, kind: Any
) -> None:
    """Aborted without waiting for a close handshake, cause `heartbeat`; no task is left."""
    async with open_bench(faulty(Fault(kind=kind, at=50.0))) as bench:
        await bench.until(CONNECTED)
        tasks = trio.lowlevel.current_statistics().tasks_living
        await trio.sleep_until(bench.attempts[0] + 50)
        start = trio.current_time()
        await bench.next_change()
        assert (bench.changes[-1].new, bench.changes[-1].cause) == (RECONNECTING, "heartbeat")
        assert trio.current_time() - start <= 32
        assert trio.lowlevel.current_statistics().tasks_living < tasks


@pytest.mark.unmeasured
async def test_f5_slices_of_one_byte_change_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Both ways: every event arrives, once, in order."""
    async with open_bench(faulty(Fault(kind="slice"))) as bench:
        await bench.until(CONNECTED)
        for number in range(20):
            bench.simulator.push({"type": "t", "n": number, "text": "é" * 50})
        await bench.connection.barrier()
        assert [event.get("n") for event in bench.events("t")] == list(range(20))


async def test_f6_a_slow_and_narrow_link_is_not_a_dead_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """500 ± 200 ms and 16 KiB/s for ten minutes: no false heartbeat, no reconnect."""
    slow = Fault(kind="delay", latency=0.5, jitter=0.2, bandwidth=16 * 1024)
    async with open_bench(faulty(slow)) as bench:
        await bench.until(CONNECTED)
        for number in range(60):
            bench.simulator.push({"type": "t", "n": number, "text": "x" * 20_000})
            await trio.sleep(10)
        assert bench.states == ["connecting", "connected"]
        assert len(bench.events("t")) >= 59


@pytest.mark.unmeasured
async def test_f7_a_peer_that_stops_reading_costs_the_epoch_and_nothing_twice(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """In flight: unknown after 10 s. Queued: waits for the next epoch. Beyond the bound: refused."""
    outcomes: dict[str, object] = {}

    def stalling(dial: Any) -> Any:
        async def connect(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            stalls = Plan((Fault(kind="stall", at=5.0),))  # what we write goes nowhere
            return Faulty(await dial(endpoint, on_phase), stalls)

        return connect

    async with (
        open_bench(token=None, wrap=stalling) as bench,
        trio.open_nursery() as nursery,
    ):

        async def say(name: str) -> None:
            try:
                outcomes[name] = await bench.connection.send({"type": "ping"})
            except (OutcomeUnknown, OutboxFull) as exc:
                outcomes[name] = type(exc)

        await bench.until(CONNECTED)
        await trio.sleep(6)
        for name in ("in flight", "queued", *map(str, range(999)), "too many"):
            nursery.start_soon(say, name)
            await trio.testing.wait_all_tasks_blocked()
        assert outcomes == {"too many": OutboxFull}
        start = trio.current_time()
        await bench.next_change()
        assert trio.current_time() - start <= 10
        assert outcomes.pop("in flight") is OutcomeUnknown
        await bench.until(CONNECTED)
        await trio.sleep(4)
        assert len(outcomes) == 1001
        assert outcomes["queued"] == {"type": "pong"}
        nursery.cancel_scope.cancel()


@pytest.mark.unmeasured
async def test_f10_200_restarts_lose_nothing_silently(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Numbered events through 200 outages of 0 to 2 s: each missing one is inside a gap."""
    rng = random.Random(10)
    ledger = Ledger()
    stop = trio.CancelScope()
    async with open_bench(topics=("audit",)) as bench, trio.open_nursery() as nursery:
        watch(ledger, bench.connection, "every", "audit")

        async def speak() -> None:
            with stop:
                for number in itertools.count():
                    ledger.sent(number, "audit")
                    bench.simulator.push({"type": "audit_event", "n": number})
                    await trio.sleep(0.1)

        nursery.start_soon(speak)
        for _ in range(200):
            await bench.until(CONNECTED)
            await trio.sleep(rng.uniform(0, 3))
            bench.simulator.restart(rng.uniform(0, 2))
            await bench.next_change()
        await bench.until(CONNECTED)
        stop.cancel()
        await bench.connection.barrier()
        assert len(bench.sent("subscribe")) == bench.connection.statistics().connect_count
    report = ledger.verify("B1", "B2")
    assert report.gaps == 200
    assert report.inside_gaps > 200
    assert report.delivered > 1000


@pytest.mark.parametrize("jump", [12 * 3600.0, -3600.0])
async def test_f18_a_jump_of_the_wall_clock_ends_nothing(
    autojump_clock: trio.testing.MockClock, jump: float
) -> None:
    """Time-outs are measured on a clock that only grows; a gap tells the wall's time."""
    async with open_bench() as bench:
        await bench.until(CONNECTED)
        bench.wall_shift = jump
        await trio.sleep(300)
        assert bench.states == ["connecting", "connected"]
        bench.simulator.push({"type": "t"})
        await bench.connection.barrier()
        [event] = bench.events("t")
        assert event.received_at.timestamp() == pytest.approx(bench.walltime(), abs=5)


@pytest.mark.unmeasured
async def test_f21_acceptance_10_a_flood_is_counted_exactly_and_pings_are_answered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """1,000 a second for 10 s: one handler sleeps, and another one's lag stays below 50 ms.

    What the first one missed stands in its gap, to the event.
    """
    slow: list[object] = []
    lags: list[float] = []

    async def sleeper(event: object) -> None:
        slow.append(event)
        await trio.sleep(600)

    async def reader(event: Event) -> None:
        await trio.lowlevel.checkpoint()
        lags.append(trio.current_time() - event.data["at"])

    async with open_bench(Simulator(seed=1, queue_limit=10_000)) as bench:
        await bench.until(CONNECTED)
        bench.connection.subscribe("t", sleeper, on_gap=slow.append, buffer=16)
        bench.connection.subscribe("t", reader)
        for _ in range(100):
            for _ in range(100):
                bench.simulator.push({"type": "t", "at": trio.current_time()})
            with trio.fail_after(1):
                await bench.connection.barrier()
            bench.seen.clear()
            await trio.sleep(0.1)
        assert len(lags) == 10_000
        assert max(lags) < 0.05
        statistics = bench.connection.statistics()
        assert statistics.gaps == {"overflow": 1}
        assert statistics.mailbox_used == 1.0
        dropped = bench.router.statistics().dropped["subscription", "overflow"]
        assert dropped == 10_000 - 16 - 1  # one at work, 16 waiting
        await trio.sleep(700)
        gap = next(item for item in slow if isinstance(item, Gap))
        assert (slow.index(gap), gap.dropped) == (1, dropped)
        assert bench.states == ["connecting", "connected"]
