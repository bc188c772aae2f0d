"""What the tests of the connection have in common: the lane, or none."""

import zlib

import connection_bench
import pytest


@pytest.fixture(autouse=True)
def fast_lane(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run half of the tests with the lane and half without it, drawn anew by each run's seed.

    Nothing that is promised depends on it. A failure shows which it was; the seed repeats it.
    """
    seed = request.config.getoption("randomly_seed", 0)
    is_on = zlib.crc32(f"{seed} {request.node.nodeid}".encode()) % 2 == 1
    print(f"fast_lane = {is_on}")  # noqa: T201 - shown where a test fails
    monkeypatch.setitem(connection_bench.DEFAULTS, "fast_lane", is_on)
    return is_on
