"""Months of reconnects in seconds: nothing grows, nothing is left, no secret is told."""

import gc
import logging
import os

import attrs
import pytest
import trio
from connection_bench import CONNECTED, TOKEN, Bench, open_bench
from examples import examples

from trunkline.simulator import Faults, Simulator

HOURS = 25


async def reconnect(bench: Bench, times: int, rest: float) -> None:
    """Lose the link and win it back every `rest` seconds, with work for each part in between."""
    for number in range(times):
        await bench.until(CONNECTED)
        await trio.sleep(rest)
        undo = bench.connection.subscribe("t", lambda _: None, {"n": number})
        bench.simulator.push({"type": "t", "n": number})
        await bench.connection.barrier()
        undo()
        await bench.lose((None, 1000, 1012)[number % 3])
        bench.connection.retry_now()
        bench.seen.clear()
        bench.changes.clear()
        bench.attempts.clear()


@pytest.mark.unmeasured
@pytest.mark.unmeasured
async def test_dr3_25_hours_of_reconnects_leave_nothing_behind(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Epochs of minutes, each with work for every part: not an object, task or descriptor more.

    The frames that the simulator keeps are its own.
    """
    caplog.set_level(logging.CRITICAL, "trunkline")  # pytest keeps every record
    count = examples(300)
    async with open_bench(heartbeat_interval=45.0) as bench:

        def figures() -> tuple[int, int, int]:
            gc.collect()
            return (
                len(gc.get_objects()) - len(bench.simulator.received),
                trio.lowlevel.current_statistics().tasks_living,
                len(os.listdir("/proc/self/fd")),
            )

        await reconnect(bench, 50, rest=30)
        await trio.sleep(100)  # old deadlines leave Trio's heap
        before, start = figures(), trio.current_time()
        await reconnect(bench, count, rest=HOURS * 3600 / count)
        await trio.sleep(100)
        after = figures()
        assert trio.current_time() - start >= HOURS * 3600
    print(f"{count} reconnects in {HOURS} h: {after[0] - before[0]:+} objects")  # noqa: T201 - a figure to read
    assert after[0] - before[0] <= 50
    assert after[1:] == before[1:]


async def test_cr5_the_token_is_told_to_nobody(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Refusals, losses, restarts, broken frames at DEBUG: a search through all that was said."""
    caplog.set_level(logging.DEBUG)
    said: list[object] = []
    faults = Faults(drop_every=40.0, malformed_every=3.0, restart_every=100.0)
    simulator = Simulator(seed=1, faults=faults)
    async with open_bench(simulator) as bench:
        for refuse in (False, True, False):
            simulator.refuse_tokens = refuse
            bench.connection.retry_now()
            await trio.sleep(200)
            said += [bench.connection.status, bench.connection.statistics(), bench.connection]
        said += bench.changes
        said += [event.to_json() for event in bench.events("system")]
        said += [attrs.asdict(bench.connection.status), repr(vars(bench.connection))]
    said += [str(vars(record)) for record in caplog.records]
    text = "\n".join(map(repr, said))
    assert len(caplog.records) > 50
    assert TOKEN not in text
