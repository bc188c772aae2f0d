"""What the tests of the built-ins share: the recorded frames, by the topic they belong to."""

import json
from pathlib import Path
from typing import Any

import pytest

FRAMES = Path(__file__).parents[1] / "contract" / "frames.jsonl"


@pytest.fixture(scope="session")
def frames() -> tuple[dict[str, Any], ...]:
    """Everything that was recorded from a running server, in the order of the file."""
    return tuple(json.loads(line) for line in FRAMES.read_text().splitlines())
