"""What the tests of the plugin layer share: installed distributions, local files, a small host."""

from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from importing import importable
from plugin_files import Folder, Site, Write

HOOK = """
    from trunkline import hookimpl

    @hookimpl
    def trunkline_register_topics(topics):
        topics.add("{topic}")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty place to install into; what is imported from it is forgotten afterwards."""
    with importable(tmp_path, monkeypatch) as folder:
        yield Site(folder)


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


@pytest.fixture
def folder(write: Write) -> Folder:
    return Folder(write)
