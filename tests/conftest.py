"""What every test stands on: benches to import, log levels as Python sets them, and the measuring.

Measuring branches makes a hot loop three times slower, and a command starts in twice the time.
Tests that prove by quantity (a day, a flood, a thousand losses) or by whole processes are marked
`unmeasured`: the tests that prove the same lines one by one are measured.
"""

import logging
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from coverage import Coverage

pytest_plugins = ["trunkline.testing"]

sys.path.insert(0, str(Path(__file__).parent / "support"))

import examples  # noqa: E402, F401 - its profile is the default from here on

CHILDREN = "COVERAGE_PROCESS_CONFIG"  # what makes coverage measure a process that is started


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no branches while a test runs that is marked so, nor in processes it starts."""
    measuring = Coverage.current() if item.get_closest_marker("unmeasured") else None
    if measuring is None:
        return (yield)
    measuring.stop()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(CHILDREN, raising=False)
            return (yield)
    finally:
        measuring.start()


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """Undo what a command line that ran in this process did to the levels."""
    loggers = [logging.getLogger(name) for name in ("", "trunkline", "trunkline_local")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
