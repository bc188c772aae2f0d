"""A blocked event loop is reported with its stack; a busy one is not."""

import logging
import threading
import time

import pytest
import trio

from trunkline.watchdog import watched


def block(seconds: float) -> None:
    """Hold up the loop, as a careless handler does."""
    time.sleep(seconds)


async def test_a_blocked_loop_is_reported_with_the_stack_that_blocks_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One line while it stands still, naming the function; one when it goes on."""
    with watched(limit=0.1, look=0.02, owner_of=lambda module: "careless" * (module == __name__)):
        await trio.lowlevel.checkpoint()
        block(0.4)
        await trio.sleep(0.1)
    blocked, unblocked = caplog.records
    assert (blocked.getMessage(), blocked.levelno) == ("host.blocked", logging.ERROR)
    assert "in block" in vars(blocked)["stack"]
    assert vars(blocked)["plugin"] == "careless"
    assert 0.1 <= vars(blocked)["seconds"] < 0.4
    assert unblocked.getMessage() == "host.unblocked"
    assert vars(unblocked)["seconds"] >= 0.3


async def test_waiting_and_short_work_are_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    """A loop that sleeps has nothing to do, and many short turns are no standstill."""
    with watched(limit=0.1, look=0.02):
        await trio.sleep(0.3)
        for _ in range(30):
            block(0.01)
            await trio.lowlevel.checkpoint()
    assert not caplog.records


async def test_the_thread_ends_with_the_scope() -> None:
    """Nothing is left behind, on the way of an exception neither."""

    def names() -> list[str]:
        return [thread.name for thread in threading.enumerate()]

    def fail_under_watch() -> None:
        with watched():
            assert "trunkline watchdog" in names()
            raise KeyError

    with pytest.raises(KeyError):
        fail_under_watch()
    assert "trunkline watchdog" not in names()
