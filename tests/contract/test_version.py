"""The version has one value: the package's is the one at the head of the changelog."""

import re
import tomllib
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).parents[2]


def test_the_package_has_the_version_at_the_head_of_the_changelog() -> None:
    """Newest first, so what `trunkline --version` says is what its users can read about."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    changelog = (ROOT / "docs" / "changelog.md").read_text()
    told = [Version(text) for text in re.findall(r"^## (\S+)$", changelog, re.MULTILINE)]
    assert told == sorted(told, reverse=True)
    assert Version(project["version"]) == told[0]
