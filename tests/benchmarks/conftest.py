"""Makes the peers importable; a benchmark may take longer than a test."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each benchmark ten minutes."""
    for item in items:
        item.add_marker(pytest.mark.timeout(600))
