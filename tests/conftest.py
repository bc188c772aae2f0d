"""What every test stands on: benches to import, logging as Python sets it up, and the measuring.

Measuring branches costs a quarter of the time of a suite, and in a hot loop two thirds. So only
tests of modules whose every branch is covered are measured, and of those not the ones marked
`unmeasured`, which prove by quantity (a day, a flood, a thousand losses). `make coverage` measures
all.
"""

import logging
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from coverage import Coverage

from trunkline.cli.logs import Stderr

pytest_plugins = ["trunkline.testing"]

sys.path.insert(0, str(Path(__file__).parent / "support"))

import examples  # noqa: E402, F401 - its profile is the default from here on

CHILDREN = "COVERAGE_PROCESS_CONFIG"  # what makes coverage measure a process that is started
HERE = Path(__file__).parent
MEASURED = tuple(
    str(HERE / name)
    for name in (
        "core/activity/",
        "core/cli/test_dlq",
        "core/connection/",
        "core/transport/",
        "core/test_backoff",
        "core/test_mailbox",
        "plugins/activity/",
        "plugins/approval/",
    )
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let everything be measured."""
    parser.addoption("--measure-all", action="store_true", help="measure the branches of all tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no branches while another test runs, nor in processes it starts."""
    is_measured = str(item.path).startswith(MEASURED) or item.config.getoption("measure_all")
    measuring = Coverage.current()
    if measuring is None or (is_measured and not item.get_closest_marker("unmeasured")):
        return (yield)
    measuring.stop()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(CHILDREN, raising=False)
            return (yield)
    finally:
        measuring.start()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Take back what a command that ran in this process has set up for the whole of it."""
    loggers = [logging.getLogger(name) for name in ("", "trunkline", "trunkline_local")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = [each for each in logger.handlers if not isinstance(each, Stderr)]
