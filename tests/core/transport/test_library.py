"""Which WebSocket library this is built on, and what of it is never called."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_t12_the_librarys_ping_is_never_called() -> None:
    """On a dead link it would never return; the heartbeat is a message of the protocol."""
    calls = [
        path
        for path in (ROOT / "core").rglob("*.py")
        if re.search(r"(socket|websocket|connection)\.ping\(", path.read_text())
    ]
    assert [path.name for path in calls] == ["listener.py"]  # the simulator plays the server


def test_t24_the_library_is_pinned_below_the_next_version() -> None:
    """An upgrade has to pass this file first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [pin] = [text for text in project["dependencies"] if text.startswith("trio-websocket")]
    assert pin == "trio-websocket>=0.12.2,<0.13"
