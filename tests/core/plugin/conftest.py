"""What the tests of the plugin layer share: distributions that are really installed, and files."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from trunkline.plugin.discover import GROUP

HOOK = """
    from trunkline import hookimpl

    @hookimpl
    def trunkline_register_topics(topics):
        topics.add("{topic}")
"""


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
