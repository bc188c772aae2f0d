"""Plugins as files and as installed distributions, and what becomes of them when they are loaded."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import dedent

from trunkline.config import Config, config_from_mapping
from trunkline.plugin.discover import GROUP, Found, find_local
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.plugin.record import PluginRecord

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


# row of P8 and corpus 72-77: source, phase, reason, place
FAILURES = {
    "import_error": ("import not_there", "import", "No module named 'not_there'", "bad.py:3"),
    "syntax": ("def (:", "import", "SyntaxError", "bad.py:3"),
    "attribute": ("import os\nos.gone", "import", "AttributeError", "bad.py:4"),
    "exit": ("raise SystemExit(3)", "import", "SystemExit: 3", "bad.py:3"),
    "panic": (
        "class Panic(BaseException): ...\nraise Panic('no')",
        "import",
        "Panic: no",
        "bad.py:4",
    ),
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


def records(loaded: Loaded) -> dict[str, PluginRecord]:
    return {record.name: record for record in loaded.records}


def states(loaded: Loaded) -> dict[str, str]:
    return {record.name: record.state.value for record in loaded.records}
