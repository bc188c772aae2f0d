"""What the pages describe is what the code has: settings, names, hooks, events, logs, commands."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import attrs
import pytest

import trunkline
from trunkline import cli, hookspecs
from trunkline.config import settings
from trunkline.connection.states import ConnectionState
from trunkline.plugin.states import PluginState

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INCLUDE = re.compile(r"^```\{include\} (\S+)\n```$", re.MULTILINE)
SETTINGS = [cls for name, cls in vars(settings).items() if name.endswith("Settings")]


def page(name: str) -> str:
    """Return a page as a reader sees it, with what it includes."""
    return INCLUDE.sub(lambda found: (DOCS / found[1]).read_text(), (DOCS / name).read_text())


def rows(text: str) -> set[str]:
    """Return the names that begin the rows of a page's tables."""
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def calls() -> Iterator[ast.Call]:
    """Yield every call of a method in the code of core and plugins."""
    for folder in ("core/trunkline", "plugins/trunkline_plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    yield node


def names_in(argument: ast.expr) -> set[str]:
    """Return the constant names an argument may have: one, or one of two."""
    choices = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
    return {str(each.value) for each in choices if isinstance(each, ast.Constant)}


def logged_names() -> set[str]:
    """Return the name of every log event in the code."""
    names: set[str] = set()
    for call in calls():
        match call.func:
            case ast.Attribute(value=ast.Name("logger"), attr="log"):
                names |= names_in(call.args[1])
            case ast.Attribute(value=ast.Name("logger")):
                names |= names_in(call.args[0])
    return names


def announced_types() -> set[str]:
    """Return the type of every notice that the host itself puts on `system`."""
    return {
        name
        for call in calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr == "announce"
        for name in names_in(call.args[0])
    }


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program of the docs; the caller judges its exit code."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_generated_fragments_are_fresh() -> None:
    """What the generator would write now is what is there, and nothing else."""
    checked = run("docs/generate.py", "--check")
    assert checked.returncode == 0, checked.stderr


def test_every_fragment_is_read_by_a_page() -> None:
    """None is generated in vain."""
    included = {
        Path(name).name for each in DOCS.glob("*.md") for name in INCLUDE.findall(each.read_text())
    }
    assert included == {each.name for each in (DOCS / "_generated").glob("*.md")}


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    """No broken link, no page outside the table of contents, no unknown directive."""
    options = ["-W", "--keep-going", "-q", "-E", "-b", "html", "-d", str(tmp_path / "trees")]
    built = run("-m", "sphinx", *options, "docs", str(tmp_path / "html"))
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "html" / "configuration.html").exists()


@pytest.mark.parametrize("cls", SETTINGS)
def test_every_setting_has_a_row(cls: Any) -> None:
    """Under the heading of its table."""
    table = cls.__name__.removesuffix("Settings").lower()
    section = re.search(
        rf"^## `\[+{table}\]+`\n(.*?)(?=^## |\Z)",
        page("configuration.md"),
        re.MULTILINE | re.DOTALL,
    )
    assert section is not None
    assert rows(section[1]) == {field.name for field in attrs.fields(cls)}


def test_every_public_name_has_a_heading() -> None:
    """`trunkline.__all__`, no more and no less."""
    headings = re.findall(r"^## `trunkline\.(\w+)`$", page("api.md"), re.MULTILINE)
    assert headings == trunkline.__all__


def test_every_hook_has_a_heading() -> None:
    """All that `hookspecs` declares, in its order."""
    headings = re.findall(r"^## `(?:async )?(trunkline_\w+)\(", page("hooks.md"), re.MULTILINE)
    assert headings == [name for name in vars(hookspecs) if name.startswith("trunkline_")]


def test_every_command_has_a_heading() -> None:
    """In the order of `trunkline -h`, those of the built-in plugins last."""
    headings = re.findall(r"^## `(\w+)`$", page("cli.md"), re.MULTILINE)
    assert headings == [*cli.COMMANDS, *headings[len(cli.COMMANDS) :]]
    assert {*headings[len(cli.COMMANDS) :]} == {"approvals", "flows"}


def test_every_exit_code_is_told() -> None:
    """The table is the one the command line uses."""
    section = page("operations.md").partition("## Exit codes")[2].partition("\n## ")[0]
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", section, re.MULTILINE)}
    assert told == {cli.OK, cli.FAILED, cli.USAGE, cli.PLUGIN_MISSING, cli.BAD_CONFIG}


def test_every_log_event_is_told() -> None:
    """The table of log events has each name in the code, and none that is gone."""
    told = rows(page("operations.md").partition("## Logs")[2])
    assert told == logged_names()
    assert len(told) > 20


def test_every_notice_of_the_host_is_told() -> None:
    """Each type that the code announces stands among the events of `system`."""
    announced = announced_types()
    assert {"connection.state", "backfill.failed"} <= announced
    assert announced <= rows(page("events.md").partition("## `system`")[2])


@pytest.mark.parametrize(
    ("name", "states"), [("connection.md", ConnectionState), ("writing-plugins.md", PluginState)]
)
def test_every_state_is_in_the_diagram(name: str, states: type[Enum]) -> None:
    """One line for each state, with what may follow."""
    drawn = re.findall(r"^(\w+) +──▶", page(name), re.MULTILINE)
    assert drawn == [state.value for state in states]


def test_every_state_of_a_connection_is_explained() -> None:
    """In a row of its own."""
    assert {state.value for state in ConnectionState} <= rows(page("connection.md"))
