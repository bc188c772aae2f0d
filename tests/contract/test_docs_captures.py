"""The captures of the page "Operating" are what the program prints."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_captures_are_what_the_program_prints() -> None:
    """Played again, they differ in figures and times alone; and each stands on the page."""
    command = [sys.executable, "docs/capture.py", "--check"]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)
    assert played.returncode == 0, played.stderr
    page = (ROOT / "docs" / "operating.md").read_text()
    captures = {each.name for each in (ROOT / "docs" / "_captures").iterdir()}
    assert len(captures) == 3
    assert all(f"_captures/{name}" in page for name in captures)
