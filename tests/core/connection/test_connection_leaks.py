"""Months of reconnects in seconds: nothing grows, nothing is left, no secret is told."""

import gc
import logging

import attrs
import pytest
import trio
from connection_bench import TOKEN, Bench, open_bench

from trunkline.connection.states import ConnectionState
from trunkline.simulator import Faults, Simulator

CONNECTED = ConnectionState.CONNECTED


async def reconnect(bench: Bench, times: int) -> None:
    """Lose the link and win it back, with work for each part in between."""
    for number in range(times):
        await bench.until(CONNECTED)
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
async def test_dr3_reconnects_leave_nothing_behind(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """400 epochs cost less than one leaked session each would: tasks and objects stay.

    What is allowed is Trio's heap of deadlines, which is pruned now and then, not each time. The
    frames that the simulator keeps are its own.
    """
    caplog.set_level(logging.CRITICAL, "trunkline")  # pytest keeps every record
    async with open_bench() as bench:

        def objects() -> int:
            gc.collect()
            return len(gc.get_objects()) - len(bench.simulator.received)

        await reconnect(bench, 100)
        tasks, before = trio.lowlevel.current_statistics().tasks_living, objects()
        await reconnect(bench, 400)
        assert trio.lowlevel.current_statistics().tasks_living <= tasks + 2
        assert objects() - before < 2_000


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
