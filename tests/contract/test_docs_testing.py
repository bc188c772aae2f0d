"""The tests that the pages show are tests: pytest runs them, outside this project's settings."""

import subprocess
import sys
from pathlib import Path

from doc_snippets import snippets

PYTHON = snippets("python")
TESTED = "writing-plugins.md: Classifiers and filters"
CONFTEST = 'pytest_plugins = ["trunkline.testing"]\n'


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder as its author would."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=50)


def lay_out(folder: Path, plugin: str) -> None:
    """Write the plugin of the tutorial, and every test of the pages beside it."""
    (folder / "audit.py").write_text(plugin)
    (folder / "conftest.py").write_text(CONFTEST)
    tests = [code for code in PYTHON.values() if "def test_" in code]
    for number, code in enumerate(tests):
        (folder / f"test_{number}.py").write_text(code)


def test_the_line_for_conftest_is_the_one_shown() -> None:
    """On the page about testing."""
    assert PYTHON["testing.md: Testing plugins"] == CONFTEST


def test_tests_on_the_pages_pass(tmp_path: Path) -> None:
    """Beside the plugin they are for."""
    lay_out(tmp_path, PYTHON[TESTED])
    done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_the_test_of_the_tutorial_fails_without_the_filter(tmp_path: Path) -> None:
    """Which it is there for."""
    lay_out(tmp_path, PYTHON[TESTED].replace('"***"', "value"))
    done = run_pytest(tmp_path, "-k", "masked")
    assert done.returncode == 1
    assert "assert '10.0.0.1' == '***'" in done.stdout
