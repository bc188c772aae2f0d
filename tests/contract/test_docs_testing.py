"""The tests that the pages show are tests: pytest runs them, outside this project's settings."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from doc_snippets import ROOT, snippets

from trunkline import testing
from trunkline.testing import HostFactory, HostUnderTest

PYTHON = snippets("python")
TESTED = "writing-plugins.md: Classifiers and filters"
CONFTEST = 'pytest_plugins = ["trunkline.testing"]\n'


def test_the_line_for_conftest_is_the_one_shown() -> None:
    """On the page about testing."""
    assert PYTHON["testing.md: Testing plugins"] == CONFTEST


def test_everything_a_test_can_ask_of_the_host_is_told() -> None:
    """And what the module brings."""
    page = (ROOT / "docs" / "testing.md").read_text()
    members = [name for name in vars(HostUnderTest) if not name.startswith("_")]
    members += ["host", "simulator"]  # attributes
    assert [name for name in members if not re.search(rf"`(await )?{name}\b", page)] == []
    assert [name for name in testing.__all__ if name not in page] == []


def test_tests_on_the_pages_pass(tmp_path: Path) -> None:
    """Beside the plugin they are for."""
    (tmp_path / "audit.py").write_text(PYTHON[TESTED])
    (tmp_path / "conftest.py").write_text(CONFTEST)
    tests = [
        code
        for name, code in PYTHON.items()
        if "def test_" in code and not name.startswith("tutorial.md")  # which has its own plugin
    ]
    for number, code in enumerate(tests):
        (tmp_path / f"test_{number}.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


async def test_the_test_of_a_mask_fails_without_it(
    trunkline_host: HostFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which it is there for."""
    (tmp_path / "audit.py").write_text(PYTHON[TESTED].replace('"***"', "value"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(PYTHON["writing-plugins.md: Testing"], names)
    with pytest.raises(AssertionError):
        await names["test_addresses_are_masked"](trunkline_host)
