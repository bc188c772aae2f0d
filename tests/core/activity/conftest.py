"""Where an outbox has its file, and the end of those that a test opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from outbox_bench import OPENED


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "outbox.db"


@pytest.fixture(autouse=True)
def stores() -> Iterator[None]:
    """Close what `store` opened: Python 3.13 warns of a database that is left open."""
    yield
    while OPENED:
        OPENED.pop().close()
