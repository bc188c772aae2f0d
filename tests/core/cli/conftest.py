"""Commands that run in the process of the tests leave its logging as it was."""

import logging
from collections.abc import Iterator

import pytest

from trunkline.cli.logs import Stderr


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Take back what `logs.set_up` does to the whole process."""
    names = (None, "trunkline", "trunkline_local")
    levels = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    root = logging.getLogger()
    root.handlers[:] = [each for each in root.handlers if not isinstance(each, Stderr)]
