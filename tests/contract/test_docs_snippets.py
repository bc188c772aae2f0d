"""Every snippet of README and the pages runs, and does what its page says."""

import ast
import re
import shlex
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
import trio
import trio.testing
from doc_snippets import ROOT, snippets
from jsonschema import Draft202012Validator

from trunkline import Config, Event, Host, load_config
from trunkline.cli import trunkline as command_line
from trunkline.config import config_from_mapping, config_schema
from trunkline.plugin.discover import find_local
from trunkline.plugin.manager import load
from trunkline.plugin.states import PluginState
from trunkline.simulator import ACCOUNT_A, Simulator

URL = "ws://localhost/api/v1/ws/unified"
LIMIT = 10.0  # s for one snippet; each takes well under one
PACKAGES = {"acme_audit", "trunkline_tool_watch"}  # that the pages write
PAYLOAD = {"action": "tool_call", "ip": "10.0.0.1"}
ENVIRON = {
    "TRUNKLINE_TOKEN": "demo-token",
    "MAIL_PASSWORD": "canary",
    "HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "ROOM_URL": "https://chat.example/hooks/t0ken",
}

#: {page and heading: what can be read after the snippet has run}
PROGRAMS = {
    "README.md: In your own trio program": "Event(topic='flow_executions'",
    "connection.md: Asking over HTTP": "200 ",
    "events.md: Events": " live\n",
    "migrating.md: connect, subscribe with a filter, state": "connected ('flow_executions',)\n1\n",
    "migrating.md: send": "unauthorized",
    "migrating.md: page views, actions, conversions": "delivered=3, waiting=0, dead=0, dropped=0",
}
PLUGINS = {
    "flows.md: In a plugin": "at work: demo",
    "README.md: A plugin in ten lines": "+00:00 {'type': 'audit_event'",
    "writing-plugins.md: Handlers": "sent: send_message",
    "writing-plugins.md: Configuration": "event: audit audit_event",
    "writing-plugins.md: Classifiers and filters": "event: audit audit_event {'action': 'tool_call', 'ip': '***'",
    "writing-plugins.md: Sinks": 'file: {"topic":"audit"',
    "writing-plugins.md: Work of its own": "event: audit_summary audit.summary",
    "writing-plugins.md: After a gap": "event: system backfill.done",
}


PYTHON, TOML, CONSOLE = snippets("python"), snippets("toml"), snippets("console")


def test_every_python_snippet_is_run() -> None:
    """None is added without saying what it must do."""
    elsewhere = {
        name
        for name, code in PYTHON.items()
        if "trunkline.testing" in code or name.startswith("tutorial.md: ")
    }
    assert set(PYTHON) == {*PROGRAMS, *PLUGINS, *elsewhere}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_program_does_what_it_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run against a simulator over a real socket, until the expected text is printed."""
    printed = ""
    async with Simulator(scenario="demo", speed=30).listen() as url, trio.open_nursery() as nursery:
        with trio.fail_after(LIMIT):
            nursery.start_soon(main_of(PYTHON[name]), url)
            while PROGRAMS[name] not in printed:
                await trio.sleep(0.01)
                printed += capsys.readouterr().out
        nursery.cancel_scope.cancel()


def main_of(code: str) -> Callable[[str], Any]:
    """Return `main` of a program; its last line, `trio.run(main, URL)`, is this test's part."""
    tree = ast.parse(code)
    last = tree.body.pop()
    assert ast.unparse(last).startswith("trio.run(main, 'ws://127.0.0.1:8765/")
    names: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(tree, "snippet", "exec"), names)
    main: Callable[[str], Any] = names["main"]
    return main


@pytest.mark.parametrize("name", PLUGINS)
async def test_plugin_does_what_it_says(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Loaded by a real host from `paths`, fed with events, and cut off once."""
    monkeypatch.chdir(tmp_path)
    plugin = tmp_path / "snippet.py"
    plugin.write_text(PYTHON[name])
    simulator = Simulator()
    seen: list[str] = []

    def note(event: Event) -> None:
        seen.append(f"event: {event.topic} {event.type} {event.get('payload')}")

    async with simulator.in_memory() as dial, trio.open_nursery() as nursery:
        host = Host(config_with(plugin), dial=dial)
        host.router.subscribe("*", note)
        with trio.fail_after(LIMIT):
            await nursery.start(host.run)
            await host.connection.wait_connected()
            execution = simulator.world.add_execution()
            for kind in ("audit_event", "execution_started"):
                simulator.push(
                    {"type": kind, "execution_id": execution.id, "payload": PAYLOAD}, ACCOUNT_A
                )
            await host.connection.barrier()
            await trio.testing.wait_all_tasks_blocked(0.01)
            await host.connection.barrier()  # what a handler sent has been answered, too
            simulator.close_all(None)
            while PLUGINS[name] not in "\n".join(seen):
                await trio.sleep(0.01)
                seen += capsys.readouterr().out.splitlines()
                seen += [f"sent: {command['command']}" for command in execution.commands]
                seen += files_in(tmp_path)
        assert {record.state for record in host.records} == {PluginState.RUNNING}
        assert not host.router.statistics().handler_errors
        nursery.cancel_scope.cancel()


def files_in(folder: Path) -> list[str]:
    """Return what a plugin has written."""
    return [f"file: {file.read_text()}" for file in folder.glob("*.jsonl")]


def config_with(plugin: Path) -> Config:
    """Return a configuration that cannot do without the plugin, and reconnects at once."""
    token = {"env": "TRUNKLINE_TOKEN"}
    tables = {
        "connection": {"url": URL, "token": token, "backoff_max": 0.2},
        "plugins": {"paths": [str(plugin)], "require": [plugin.stem]},
    }
    return config_from_mapping(tables, environ=ENVIRON)


@pytest.mark.parametrize("name", TOML)
def test_configuration_is_valid(name: str, tmp_path: Path) -> None:
    """A host can be built from it, and an editor with its schema complains of nothing.

    What only shows one table is shown with a connection.
    """
    tables = tomllib.loads(TOML[name])
    if "project" in tables:
        [points] = tables["project"]["entry-points"].values()
        assert {target.partition(".")[0] for target in points.values()} <= PACKAGES
        return
    connection = "" if "connection" in tables else '[connection]\nurl = "ws://localhost"\n'
    (tmp_path / "plugins").mkdir()
    (tmp_path / "audit.py").write_text(PYTHON["README.md: A plugin in ten lines"])
    hooks = ROOT / "docs" / "examples" / "shop_privacy.py"
    (tmp_path / hooks.name).write_text(hooks.read_text())
    for plugin in (ROOT / "docs" / "examples" / "gallery").glob("*.py"):
        (tmp_path / plugin.name).write_text(plugin.read_text())
    file = tmp_path / "trunkline.toml"
    file.write_text(connection + TOML[name])
    host = Host(load_config(file, environ=ENVIRON))
    assert not host.config.warnings
    assert PluginState.FAILED not in {record.state for record in host.records}
    schema = config_schema(host.loaded.settings)
    assert not [*Draft202012Validator(schema).iter_errors(tomllib.loads(file.read_text()))]


FILES = [
    path
    for package in (ROOT / "docs" / "examples").rglob("pyproject.toml")
    for path in package.parent.glob("*.toml")
    if path != package
]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.parent.name)
def test_configuration_beside_an_example_is_valid(file: Path) -> None:
    """With the package it lies beside as its plugin: for a host, and for an editor."""
    project = tomllib.loads((file.parent / "pyproject.toml").read_text())["project"]
    [(name, module)] = project["entry-points"]["trunkline.plugins"].items()
    [package] = find_local([file.parent / "src" / module])
    loaded = load(load_config(file, environ=ENVIRON), found=[attrs.evolve(package, name=name)])
    loaded.require()
    assert [plugin.name for plugin in loaded.plugins] == [name]
    schema = config_schema(loaded.settings)
    assert name in schema["properties"]["plugin"]["properties"]
    assert not [*Draft202012Validator(schema).iter_errors(tomllib.loads(file.read_text()))]


def understand(
    command: click.Command, name: str, words: list[str], parent: click.Context | None = None
) -> None:
    """Parse a command line, that of a command within a group, too; a mistake raises."""
    if not isinstance(command, click.Group):
        command.make_context(name, words, parent)
        return
    known = command.list_commands(click.Context(command))
    place = next((at for at, word in enumerate(words) if word in known), len(words))
    context = command.make_context(name, words[: place + 1], parent)
    if place < len(words):
        inner = command.get_command(context, words[place])
        assert inner is not None
        understand(inner, words[place], words[place + 1 :], context)


@pytest.mark.parametrize("name", CONSOLE)
def test_command_lines_are_understood(name: str) -> None:
    """Each `trunkline` command exists and takes these arguments; each target of make exists."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in re.findall(r"^\$ (.*)$", CONSOLE[name], re.MULTILINE):
        words = shlex.split(line.partition(" > ")[0], comments=True)
        match words:
            case ["trunkline", *arguments]:
                with suppress(click.exceptions.Exit):  # `--version`
                    understand(command_line, "trunkline", arguments)
            case ["make", target]:
                assert target in targets
            case _:
                assert words[0] in {".", "cd", "export", "mkdir", "pip", "psql", "python"}


def test_the_ten_lines_of_readme_are_those_of_the_example() -> None:
    """Which the tutorial includes."""
    lines = (ROOT / "docs/examples/audit.py").read_text()
    assert PYTHON["README.md: A plugin in ten lines"] == lines
    assert len([line for line in lines.splitlines() if line]) <= 10
    assert "{literalinclude} examples/audit.py" in (ROOT / "docs/writing-plugins.md").read_text()
