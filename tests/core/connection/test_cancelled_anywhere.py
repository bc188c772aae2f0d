"""A connection that is cancelled at any of its checkpoints leaves nothing behind (F25)."""

from functools import partial

import pytest
import trio
import trio.testing
from connection_bench import CONNECTED, Bench, open_bench


class CancelAt(trio.abc.Instrument):
    """Cancels a scope at the n-th step of any task."""

    def __init__(self, scope: trio.CancelScope, number: int) -> None:
        self._scope = scope
        self._left = number

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._left -= 1
        if self._left == 0:
            self._scope.cancel()


async def life(bench: Bench) -> None:
    """Connect, send, receive, lose, come back, drain."""
    connection = bench.connection
    await bench.until(CONNECTED)
    bench.simulator.push({"type": "t"})
    async with connection.events("t") as events:
        await connection.barrier()
        bench.simulator.push({"type": "t"})
        await anext(events)
    bench.simulator.close_all(None)
    await bench.next_change()
    connection.retry_now()
    await bench.until(CONNECTED)
    connection.drain()
    connection.stop()
    await connection.wait_ended()


@pytest.mark.unmeasured
@pytest.mark.parametrize("start", range(0, 300, 50))
def test_f25_a_cancel_at_every_checkpoint_leaves_nothing(start: int) -> None:
    """At the n-th step of anybody: no task, no subscription, no half-open memory stream is left."""

    async def main(number: int) -> None:
        before = trio.lowlevel.current_statistics().tasks_living
        with trio.CancelScope() as scope:
            instrument = CancelAt(scope, number)
            trio.lowlevel.add_instrument(instrument)
            try:
                async with open_bench() as bench:
                    await life(bench)
            finally:
                trio.lowlevel.remove_instrument(instrument)
        assert trio.lowlevel.current_statistics().tasks_living == before
        assert bench.connection.subscription_count("t") == 0
        assert bench.simulator.socket_count == 0

    for number in range(start + 1, start + 51):
        clock = trio.testing.MockClock(autojump_threshold=0)
        trio.run(partial(main, number), clock=clock)
