"""What the tests of the plugin layer share: installed distributions, local files, a small host."""

import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trunkline import Event, PluginContext, PluginInfo, hookimpl
from trunkline.activity.tracker import Tracker
from trunkline.config import Config, config_from_mapping
from trunkline.plugin.discover import GROUP, Found, find_local, found_object
from trunkline.plugin.lease import Services
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.runner import Limits, PluginRunner
from trunkline.plugin_api import Response, Sinks, Subscriptions, Topics
from trunkline.routing.router import Router

Write = Callable[[str, str], Path]
HEAD = "import attrs\nfrom trunkline import PluginInfo, hookimpl\n"
TABLE = "@attrs.frozen\nclass Table:\n    file: str\ntrunkline_plugin = PluginInfo(config=Table)\n"


def config(tables: Mapping[str, object] | None = None, /, **plugins: object) -> Config:
    return config_from_mapping(
        {
            "connection": {"url": "ws://localhost"},
            "plugins": plugins,
            "plugin": tables or {},
        }
    )


HOOK = """
    from trunkline import hookimpl

    @hookimpl
    def trunkline_register_topics(topics):
        topics.add("{topic}")
"""


# row of P8 and corpus 72-77: source, phase, reason, place
FAILURES = {
    "import_error": ("import not_there", "import", "No module named 'not_there'", "bad.py:3"),
    "syntax": ("def (:", "import", "SyntaxError", "bad.py:3"),
    "attribute": ("import os\nos.gone", "import", "AttributeError", "bad.py:4"),
    "exit": ("raise SystemExit(3)", "import", "SystemExit: 3", "bad.py:3"),
    "no_hooks": ("", "audit", "implements no hook", ""),
    "register": (
        "@hookimpl\ndef trunkline_register_topics(topics):\n    topics.add('*')",
        "register",
        "'*' is no topic",
        "bad.py:5",
    ),
    "register_exit": (
        "@hookimpl\ndef trunkline_register_topics(topics):\n    raise SystemExit",
        "register",
        "SystemExit",
        "bad.py:5",
    ),
}


class Site:
    """A directory on `sys.path` into which distributions are installed, metadata and all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(
        self,
        dist: str,
        plugins: Mapping[str, str],
        *,
        version: str = "2.1.0",
        requires: Sequence[str] = (),
        urls: Sequence[str] = (),
        target: str = "",
    ) -> None:
        """Install `dist` with one module for each of `plugins`: `{entry point: source}`.

        `target` replaces what the entry points point at.
        """
        snake = dist.replace("-", "_")
        info = self.folder / f"{snake}-{version}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {dist}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        lines += [f"Project-URL: {url}" for url in urls]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        points = [f"[{GROUP}]"]
        for number, (name, source) in enumerate(plugins.items()):
            module = f"{snake}_plugin{number}"
            (self.folder / f"{module}.py").write_text(dedent(source))
            points.append(f"{name} = {target or module}")
        (info / "entry_points.txt").write_text("\n".join(points) + "\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty place to install into; what is imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if "_plugin" in name or name.startswith("trunkline_local"):
            del sys.modules[name]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a source file, by its path below the test's directory; return its path."""

    def write_file(path: str, source: str) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(source))
        return file

    return write_file


@pytest.fixture
def topic_plugin() -> Callable[[str], str]:
    """The source of a plugin that owns one topic and does nothing else."""
    return lambda topic: HOOK.format(topic=topic)


class Folder:
    """Local plugins, written and loaded without what happens to be installed."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self.found: list[Found] = []

    def add(self, name: str, source: str) -> None:
        """Write a plugin; its source begins with what every plugin imports."""
        file = self._write(f"{name}.py", HEAD + dedent(source))
        self.found += find_local([file])

    def topic(self, name: str, topic: str, info: str = "") -> None:
        """Write a plugin that owns one topic, with `info` as arguments of its PluginInfo."""
        self.add(
            name,
            f"trunkline_plugin = PluginInfo({info})\n"
            f"@hookimpl\ndef trunkline_register_topics(topics): topics.add({topic!r})\n",
        )

    def load(self, settings: Config | None = None, **arguments: object) -> Loaded:
        return load(settings or config(), found=self.found, **arguments)  # type: ignore[arg-type]


@pytest.fixture
def folder(write: Write) -> Folder:
    return Folder(write)


def records(loaded: Loaded) -> dict[str, PluginRecord]:
    return {record.name: record for record in loaded.records}


def states(loaded: Loaded) -> dict[str, str]:
    return {record.name: record.state.value for record in loaded.records}


Run = Callable[[PluginContext[Any]], Awaitable[None]]
WALL = 1_700_000_000.0


class Sender:
    """A connection that keeps what it was given."""

    def __init__(self) -> None:
        self.token = "canary-token"
        self.sent: list[object] = []

    async def send(self, message: Mapping[str, Any] | Event) -> Mapping[str, Any] | None:
        self.sent.append(message)
        return {"ok": True}

    async def barrier(self) -> None:
        self.sent.append("barrier")

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None, json: Any
    ) -> Response:
        self.sent.append((method, path, params, json))
        return Response(200, {}, "answer")


def plugin_object(
    run: Run | None = None,
    *,
    topics: Sequence[str] = (),
    subscriptions: Sequence[Mapping[str, Any]] = (),
    sinks: Sequence[Mapping[str, Any]] = (),
    config: type | None = None,
) -> SimpleNamespace:
    """Make a plugin of the hooks that are asked for; topics are always registered."""

    @hookimpl
    def trunkline_register_topics(topics: Topics) -> None:
        for topic in wanted:
            topics.add(topic)

    @hookimpl
    def trunkline_register_subscriptions(subscriptions: Subscriptions) -> None:
        for arguments in handlers:
            subscriptions.add(**arguments)

    @hookimpl
    def trunkline_register_sinks(sinks: Sinks) -> None:
        for arguments in sink_arguments:
            sinks.add(**arguments)

    wanted, handlers, sink_arguments = topics, subscriptions, sinks
    plugin = SimpleNamespace(
        trunkline_plugin=PluginInfo(config=config),
        trunkline_register_topics=trunkline_register_topics,
        trunkline_register_subscriptions=trunkline_register_subscriptions,
        trunkline_register_sinks=trunkline_register_sinks,
    )
    if run is not None:

        @hookimpl
        async def trunkline_run(ctx: PluginContext[Any]) -> None:
            await run(ctx)

        plugin.trunkline_run = trunkline_run
    return plugin


def loaded(**plugins: object) -> Loaded:
    config = config_from_mapping({"connection": {"url": "ws://localhost"}})
    found = [found_object(name, plugin) for name, plugin in plugins.items()]
    outcome = load(config, found=found)
    assert len(outcome.plugins) == len(plugins), outcome.records
    return outcome


class Host:
    """What stands around the runners: a router, a sender, and who hears of changes."""

    def __init__(self, outcome: Loaded, limits: Limits | None = None) -> None:
        self.router = Router(outcome.table, walltime=lambda: WALL)
        self.sender = Sender()
        self.changes: list[tuple[str, str, str]] = []
        self.records: list[PluginRecord] = []
        services = Services(self.router, self.sender, Tracker(), lambda: WALL)
        self.runners = [
            PluginRunner(
                plugin,
                services,
                limits or Limits(),
                rng=random.Random(1),
                on_change=self._on_change,
            )
            for plugin in outcome.plugins
        ]

    def _on_change(self, old: PluginRecord, new: PluginRecord) -> None:
        self.changes.append((new.name, old.state.value, new.state.value))
        self.records.append(new)

    def publish(self, topic: str, number: int = 0) -> None:
        """Let an event come in."""
        self.router.publish(Event(topic, "test", {"number": number}))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[PluginRunner]:
        """Run all; yield the first once every task waits for something."""
        async with trio.open_nursery() as nursery:
            self.router.serve(nursery)
            for runner in self.runners:
                nursery.start_soon(runner.run)
            await wait_all_tasks_blocked()
            yield self.runners[0]
            nursery.cancel_scope.cancel()


def hosted(run: Run | None = None, limits: Limits | None = None, **hooks: Any) -> Host:
    """A host of one plugin, called `one`."""
    return Host(loaded(one=plugin_object(run, **hooks)), limits)


async def up(ctx: PluginContext[Any]) -> None:
    """A plugin's task that starts and works on."""
    ctx.started()
    await trio.sleep_forever()
