"""What follows a loss, by its cause: how long the connection waits, and how loudly it says so (F8, F9)."""

import logging

import pytest
import trio
import trio.testing
from connection_bench import CONNECTED, open_bench

from trunkline.connection.close_policy import Loss, Verdict, verdict

WAITS = {
    Verdict.RETRY: (0.1, 2.0),
    Verdict.RESTART: (0.1, 5.0),
    Verdict.BUSY: (5.0, 35.0),
    Verdict.SLOW: (24.0, 36.0),
}


@pytest.mark.parametrize(
    "code", [None, *range(1000, 1004), *range(1007, 1015), 3000, 4000, 4400, 4401, 4403, 4429, 4499]
)
async def test_f8_every_close_code_waits_as_the_table_says(
    autojump_clock: trio.testing.MockClock, code: int | None
) -> None:
    """And none ends in `failed`."""
    async with open_bench() as bench:
        await bench.until(CONNECTED)
        await trio.sleep(60)
        await bench.lose(code)
        change = bench.changes[-1]
        low, high = WAITS[verdict(Loss("closed", code=code))]
        assert change.retry_in is not None
        assert low <= change.retry_in <= high
        await bench.until(CONNECTED)


@pytest.mark.unmeasured
@pytest.mark.parametrize(("code", "most"), [(1000, 75), (1012, 300)])
async def test_f9_accepting_and_closing_makes_no_storm(
    autojump_clock: trio.testing.MockClock, code: int, most: int
) -> None:
    """Ten minutes of it."""
    async with open_bench() as bench:
        with trio.move_on_after(600):
            while True:
                await bench.until(CONNECTED)
                bench.simulator.close_all(code)
                await bench.next_change()
        assert 10 < len(bench.attempts) <= most


async def test_f9_a_slow_cause_is_one_error(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Closed 1002 each time, for half an hour; told again only after a link that was stable."""
    async with open_bench() as bench:
        with trio.move_on_after(1800):
            while True:
                await bench.until(CONNECTED)
                await bench.lose(1002)
        assert errors(caplog) == ["connection.lost"]
        await bench.until(CONNECTED)
        await trio.sleep(100)
        await bench.lose(1002)
        assert errors(caplog) == ["connection.lost"] * 2


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
