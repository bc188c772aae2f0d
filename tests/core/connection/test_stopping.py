"""A connection ends when it is told to, whatever it is doing, and who waits for it hears of that."""

import math
from typing import Any

import pytest
import trio
import trio.lowlevel
from connection_bench import open_bench

from trunkline.connection.states import ConnectionState
from trunkline.errors import NotConnected, NotSent
from trunkline.simulator import Faults, Simulator


@pytest.mark.parametrize("moment", [0.001, 0.02, 5.0, 30.0])
async def test_dr2_stopping_ends_disconnected_whenever_it_comes(
    moment: float, autojump_clock: trio.testing.MockClock
) -> None:
    """While connecting, connected or waiting: draining, then disconnected, and nothing is open."""
    faults = Faults(drop_every=20.0)
    async with open_bench(Simulator(seed=1, faults=faults)) as bench:
        await trio.sleep(moment)
        bench.connection.stop()
        with trio.fail_after(2):
            await bench.connection.wait_ended()
        assert bench.states[-2:] == ["draining", "disconnected"]
        await trio.sleep(1)
        assert bench.simulator.socket_count == 0


async def test_who_waits_for_the_link_is_told_when_it_has_ended(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """At once, whoever asked before and whoever asks afterwards."""
    async with open_bench(Simulator(seed=1, handshake_delay=math.inf)) as bench:

        async def stop() -> None:
            await trio.sleep(1)
            bench.connection.stop()

        start = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop)
            with pytest.raises(NotConnected, match="not connected any more"):
                await bench.connection.wait_connected(timeout=300)
        await bench.connection.wait_ended()
        with pytest.raises(NotConnected, match=r"any more \(disconnected"):
            await bench.connection.wait_connected(timeout=300)
        assert trio.current_time() - start < 5


async def test_dr2_a_stop_during_the_handshake_ends_the_attempt(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The link that comes up all the same is closed: draining, never connected, no failure."""

    def stopping(dial: Any) -> Any:
        async def dialled(endpoint: Any, on_phase: Any) -> trio.abc.Stream:
            stream: trio.abc.Stream = await dial(endpoint, on_phase)
            bench.connection.drain()
            return stream

        return dialled

    async with open_bench(wrap=stopping) as bench:
        await bench.until(ConnectionState.DRAINING)
        with trio.fail_after(60):
            await bench.connection.wait_ended()
        assert bench.states == ["connecting", "draining", "disconnected"]
        await trio.sleep(1)
        assert bench.simulator.socket_count == 0


async def test_dr1_while_it_drains_only_the_last_activity_and_barriers_leave(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A new command is refused: nothing has left, safe to send again elsewhere."""
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.connection.drain()
        with pytest.raises(NotSent):
            await bench.connection.send({"type": "command", "command": "x", "execution_id": "x"})
        await bench.connection.barrier()
        assert bench.sent("command") == []
        bench.connection.stop()
        await bench.connection.wait_ended()
