"""Every test of a connection runs with the lane, and without it."""

import connection_bench
import pytest
from lane_bench import both_ways, fast_lane

__all__ = ["fast_lane"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Leave out what opens no connection."""
    if getattr(metafunc.module, "open_bench", None) is connection_bench.open_bench:
        both_ways(metafunc)
