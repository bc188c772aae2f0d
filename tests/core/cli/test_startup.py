"""What is imported before anything is done: the list is held, because each import is time."""

import json
import subprocess
import sys

import pytest

LIST = """
import json, sys
from trunkline.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    """Return the modules that are there after a command."""
    command = [sys.executable, "-c", LIST, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return set(json.loads(done.stderr.splitlines()[-1]))


def roots(modules: set[str]) -> set[str]:
    """Return the packages that are not Python's own."""
    found = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    # of the interpreter, of coverage in this suite, of how the package is installed
    return {
        name
        for name in found
        if name.isidentifier() and not name.startswith("_") and "coverage" not in name
    }


def test_version_imports_the_command_line_and_nothing_else() -> None:
    """Ours by name, click and what our errors are made of; no Trio, no plugin, no configuration."""
    modules = imported("--version")
    ours = {name for name in modules if name.startswith("trunkline")}
    assert ours == {
        "trunkline",
        "trunkline.cli",
        "trunkline.cli.leaving",
        "trunkline.cli.signals",
        "trunkline.errors",
    }
    assert roots(modules) == {"attr", "attrs", "click", "trunkline"}


@pytest.mark.parametrize("arguments", [["-h"], ["no-such-command"]])
def test_help_and_a_misspelt_word_import_neither_trio_nor_plugins(arguments: list[str]) -> None:
    """The commands of plugins are told from metadata."""
    assert not roots(imported(*arguments)) & {"trio", "pluggy", "orjson", "trunkline_plugins"}
