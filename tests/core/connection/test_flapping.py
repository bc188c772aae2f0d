"""When a link is said to flap: five short epochs within five minutes, once an episode."""

import logging

import pytest
import trio
import trio.testing
from connection_bench import open_bench

from trunkline.connection.flapping import Flapping
from trunkline.connection.states import ConnectionState


def told(epochs: list[tuple[float, float]]) -> list[int]:
    """Return the numbers of the epochs (ended at, lived) at which flapping is told."""
    flapping = Flapping()
    return [number for number, (now, lived) in enumerate(epochs, 1) if flapping.ended(now, lived)]


def test_the_fifth_short_epoch_is_told_and_no_later_one() -> None:
    """One line for an episode, however long."""
    assert told([(10.0 * number, 1.0) for number in range(1, 30)]) == [5]


def test_four_are_not_flapping_nor_five_that_are_rare() -> None:
    """Five in more than five minutes are five accidents."""
    assert told([(10.0 * number, 1.0) for number in range(4)]) == []
    assert told([(76.0 * number, 1.0) for number in range(10)]) == []


def test_an_epoch_that_lasts_ends_the_episode() -> None:
    """The next five short ones are a new one."""
    short = [(float(number), 1.0) for number in range(5)]
    later = [(200.0 + number, 1.0) for number in range(5)]
    assert told([*short, (100.0, 30.0), *later]) == [5, 11]


async def test_a_recovery_says_how_long_the_outage_was(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The first connect is no recovery; the second one tells the seconds without a link."""
    caplog.set_level(logging.INFO, "trunkline")
    async with open_bench() as bench:
        await bench.until(ConnectionState.CONNECTED)
        await trio.sleep(60)
        lost_at = trio.current_time()
        bench.simulator.restart(45)
        await bench.next_change()
        await bench.until(ConnectionState.CONNECTED)
        outage = trio.current_time() - lost_at
    connected = [
        record
        for record in caplog.records
        if record.getMessage() == "connection.state" and vars(record)["new"] == "connected"
    ]
    assert [vars(record)["outage"] for record in connected] == [
        None,
        pytest.approx(outage, abs=0.1),
    ]
    assert outage >= 45
