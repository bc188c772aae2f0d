"""Fifteen failures that real clients had, each made to happen here (connection.md §13).

`pytest -k acceptance_03` runs one of them. Those that other files prove bear the number there.
"""

import gc
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.lowlevel
import trio.testing
from connection_bench import CONNECTED, RECONNECTING, Bench, open_bench

from trunkline.connection.states import ConnectionState
from trunkline.errors import OutcomeUnknown, Rejected
from trunkline.events import Event, Gap
from trunkline.simulator import Fault, Faulty, Plan, Simulator
from trunkline.simulator.users import ALICE, BOB

BLOCKED = ConnectionState.BLOCKED


def faulty(fault: Fault) -> Any:
    """Let each of our streams have a fault, where the server does not see it."""

    def wrap(dial: Any) -> Any:
        async def connect(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            return Faulty(await dial(endpoint, on_phase), Plan((fault,)))

        return connect

    return wrap


@pytest.mark.unmeasured
async def test_acceptance_01_a_reset_on_open_makes_no_storm(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Closed 1011 after 50 ms for ten minutes: told once as flapping; a stable epoch ends it."""
    async with open_bench() as bench:
        with trio.move_on_after(600):
            while True:
                await bench.until(CONNECTED)
                await trio.sleep(0.05)
                await bench.lose(1011)
        assert 10 < len(bench.attempts) <= 75
        waits = [change.retry_in for change in bench.changes if change.new is RECONNECTING]
        assert max(wait for wait in waits[5:] if wait is not None) > 10
        await bench.until(CONNECTED)
        await trio.sleep(60)
        await bench.lose(1011)
        assert 0.1 <= (bench.changes[-1].retry_in or 0) <= 2
    assert [record.getMessage() for record in caplog.records].count("connection.flapping") == 1


class IdleKiller(trio.abc.Stream):
    """A proxy between: it ends what has carried nothing for 60 s."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._passed_at = trio.current_time()

    def _pass(self) -> None:
        now = trio.current_time()
        if now - self._passed_at >= 60:
            raise trio.BrokenResourceError("idle for a minute")
        self._passed_at = now

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        self._pass()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._pass()
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


@pytest.mark.unmeasured
async def test_acceptance_02_l0_an_idle_link_lives_a_day_behind_an_idle_killer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One event an hour, nothing to send: the server never has to ask, and nothing grows."""

    def between(dial: Any) -> Any:
        async def connect(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            return IdleKiller(await dial(endpoint, on_phase))

        return connect

    def figures() -> tuple[int, int]:
        gc.collect()
        bench.seen.clear()
        objects = len(gc.get_objects()) - len(bench.simulator.received)
        return objects, trio.lowlevel.current_statistics().tasks_living

    async with open_bench(wrap=between) as bench:
        figures_by_hour: list[tuple[int, int]] = []
        for hour in range(24):
            await trio.sleep(3600)
            bench.simulator.push({"type": "t", "n": hour})
            await trio.lowlevel.checkpoint()
            if hour in {2, 23}:
                figures_by_hour.append(figures())
        assert bench.connection.status.epoch == 1
        assert bench.sent("pong") == []
        assert 86_400 / 22 <= len(bench.sent("ping")) <= 86_400 / 18
        (early, tasks), (late, still) = figures_by_hour
        assert late - early < 50
        assert still == tasks


async def test_acceptance_03_after_a_sleep_the_loss_is_found_and_the_gap_tells_the_hours(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The wall clock steps eight hours while the peer has gone: found within 32 s."""
    mute = Fault(kind="mute", at=100.0)
    async with open_bench(wrap=faulty(mute)) as bench:
        await bench.until(CONNECTED)
        await trio.sleep_until(bench.attempts[0] + 100)
        bench.wall_shift = 8 * 3600.0
        start = trio.current_time()
        await bench.next_change()
        assert (bench.changes[-1].new, bench.changes[-1].cause) == (RECONNECTING, "heartbeat")
        assert trio.current_time() - start <= 32
        await bench.until(CONNECTED)
        [gap] = bench.gaps
        assert (gap.until - gap.since).total_seconds() == pytest.approx(8 * 3600, abs=120)


@pytest.mark.parametrize("heals_by", ["waiting", "retry_now"])
async def test_acceptance_05_a_refused_token_blocks_and_heals(
    autojump_clock: trio.testing.MockClock, heals_by: str
) -> None:
    """One fresh token, one try at once; then slowly, and back within 360 s of the recovery."""
    asked: list[bool] = []

    async def provider(*, fresh: bool) -> str:
        asked.append(fresh)
        await trio.lowlevel.checkpoint()
        return "demo-token"

    simulator = Simulator(seed=1)
    async with open_bench(simulator, token=provider) as bench:
        await bench.until(CONNECTED)
        asked.clear()
        simulator.refuse_tokens = True
        await bench.lose()
        await bench.until(BLOCKED)
        assert asked == [False, True]
        assert bench.attempts[-1] - bench.attempts[-2] >= 1
        tried = len(bench.attempts)
        await trio.sleep(600)
        assert len(bench.attempts) - tried <= 5
        assert all(asked[1:])
        simulator.refuse_tokens = False
        if heals_by == "retry_now":
            bench.connection.retry_now()
        await bench.until(CONNECTED, within=2 if heals_by == "retry_now" else 360)


async def test_acceptance_05_an_unobtainable_token_is_no_refusal(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A provider that raises twenty times: reconnecting, then connected, never two calls at once."""
    calls = running = most = 0

    async def provider(*, fresh: bool) -> str:
        nonlocal calls, running, most
        calls += 1
        running += 1
        most = max(most, running)
        await trio.sleep(1)
        running -= 1
        if calls <= 20:
            raise OSError("the vault is away")
        return "demo-token"

    async with open_bench(token=provider) as bench:
        await bench.until(CONNECTED, within=1000)
        assert bench.states == ["connecting", "reconnecting", "connected"]
        assert (calls, most) == (21, 1)


async def test_acceptance_06_an_identity_is_never_exchanged(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The token is taken for another user: refused, and nothing of Alice's leaves as Bob."""
    users = {"demo-token": ALICE}
    simulator = Simulator(seed=1, users=users)
    command = {"type": "command", "command": "note", "execution_id": "x", "message": "of-alice"}
    async with open_bench(simulator) as bench, trio.open_nursery() as nursery:
        await bench.until(CONNECTED)
        users["demo-token"] = BOB
        await bench.lose()
        nursery.start_soon(bench.connection.send, command)
        await bench.until(BLOCKED)
        await trio.sleep(300)
        assert bench.states.count("connected") == 1
        assert bench.connection.status.user is None
        assert bench.sent("command") == []
        nursery.cancel_scope.cancel()


async def test_acceptance_09_a_gap_stands_where_events_are_missing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """1 to 39, one gap, 61 to 100; subscriptions that come and go write nothing."""
    async with open_bench() as bench:
        await bench.until(CONNECTED)
        for number in range(1, 40):
            bench.simulator.push({"type": "t", "n": number})
        await bench.connection.barrier()
        bench.simulator.restart(5)
        await bench.next_change()
        for number in range(40, 61):
            bench.connection.subscribe("t", lambda _: None)()
            bench.simulator.push({"type": "t", "n": number})
        await bench.until(CONNECTED)
        for number in range(61, 101):
            bench.simulator.push({"type": "t", "n": number})
        await bench.connection.barrier()
        assert numbers(bench.seen) == [*range(1, 40), "gap", *range(61, 101)]
        assert bench.sent("subscribe") + bench.sent("unsubscribe") == []


def numbers(seen: list[Event | Gap]) -> list[object]:
    """The numbers of a topic's events, and its gaps, in order."""
    return [
        "gap" if isinstance(item, Gap) else item.get("n")
        for item in seen
        if isinstance(item, Gap) or item.topic == "t"
    ]


async def test_acceptance_12_what_is_in_flight_at_a_loss_is_unknown_and_never_sent_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """After the write and before the answer: `OutcomeUnknown`, and nothing more leaves."""
    async with open_bench() as bench:
        await bench.until(CONNECTED)
        bench.simulator.answers_pings = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lose_once_written, bench)
            with pytest.raises(OutcomeUnknown):
                await bench.connection.barrier()
        bench.simulator.answers_pings = True
        await bench.until(CONNECTED)
        await trio.sleep(5)
        assert len(bench.sent("ping")) == 1


async def lose_once_written(bench: Bench) -> None:
    while not bench.sent("ping"):  # noqa: ASYNC110 - the simulator tells nobody
        await trio.sleep(0.01)
    bench.simulator.close_all(None)


@pytest.mark.parametrize("moment", [0.0, 0.4, 0.8, 1.2])
async def test_acceptance_13_a_cancelled_send_leaves_whole_or_not_at_all(
    autojump_clock: trio.testing.MockClock, moment: float
) -> None:
    """Over a link that takes a second for a frame: cancelled before, within, after."""
    slow = Fault(kind="delay", bandwidth=1024)

    def note(text: str) -> Mapping[str, Any]:
        return {"type": "command", "command": "note", "execution_id": "x", "message": text}

    async with open_bench(wrap=faulty(slow)) as bench:
        await bench.until(CONNECTED)
        with trio.move_on_after(moment), suppress(Rejected):
            await bench.connection.send(note("x" * 1000))
        with pytest.raises(Rejected):  # which is an answer
            await bench.connection.send(note("the next one"))
        assert bench.connection.status.epoch == 1
        *before, last = bench.sent("command")
        assert "the next one" in last
        assert all('"' + "x" * 1000 + '"' in frame for frame in before)
