"""The map of the rooms on the page "Design" is that of the house."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE, PLUGINS = ROOT / "core" / "trunkline", ROOT / "plugins" / "trunkline_plugins"


def test_the_map_has_every_room_and_names_files_that_are_there() -> None:
    """A room that is new needs a line, and a file that was renamed its new name."""
    page = (ROOT / "docs" / "design.md").read_text()
    section = page.partition("## The rooms\n")[2].partition("\n## ")[0]
    rooms = {init.parent.name for init in CORE.glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+)/`", section, re.MULTILINE)) == rooms
    files = re.findall(r"`([\w/]+\.py)`", section)
    assert files
    assert [
        file for file in files if not ((CORE / file).exists() or (PLUGINS / file).exists())
    ] == []
