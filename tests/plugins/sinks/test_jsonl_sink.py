"""The JSONL sink writes whole lines, and no failure of the file is an event's fault."""

import json
import os
import resource
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio

from trunkline import Event
from trunkline.plugin_api import NotReady, Reject
from trunkline_plugins.sinks.jsonl import JsonlSink
from trunkline_plugins.sinks.rotating import RotatingFile

AT = datetime(2026, 11, 22, 21, 4, 56, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "activity.jsonl"


def happened(name: str = "export", **data: object) -> Event:
    return Event("activity", "action", {"name": name, **data}, received=AT.timestamp())


def text_of(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def move(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


def names(path: Path) -> list[str]:
    """Read the file as a stranger would: every line is JSON."""
    return [json.loads(line)["data"]["name"] for line in path.read_text().splitlines()]


async def test_jsonl_appends_events_as_lines(path: Path) -> None:
    """A line is `event.to_json()`; a second batch comes behind the first."""
    first, second = happened("a"), happened("b")
    async with JsonlSink(RotatingFile(path)) as sink:
        await sink.write([first])
        await sink.write([second])
    assert text_of(path) == first.to_json() + "\n" + second.to_json() + "\n"


async def test_jsonl_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    """The file has mode 0600, and the folder it needed 0700, whatever the umask allows."""
    before = os.umask(0)
    try:
        path = tmp_path / "var" / "activity.jsonl"
        async with JsonlSink(RotatingFile(path)) as sink:
            await sink.write([happened()])
    finally:
        os.umask(before)
    assert permissions(path) == 0o600
    assert permissions(path.parent) == 0o700


async def test_jsonl_rejects_what_is_no_json_and_writes_the_rest(path: Path) -> None:
    """One event nested too deeply becomes a dead letter; its neighbours are delivered."""
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"deeper": deep}
    async with JsonlSink(RotatingFile(path)) as sink:
        with pytest.raises(Reject) as caught:
            await sink.write([happened("a"), happened("b", deep=deep), happened("c")])
    assert set(caught.value.reasons) == {1}
    assert names(path) == ["a", "c"]


@pytest.fixture
def target(path: Path) -> Path:
    """A file that a link at the sink's path leads to."""
    target = path.with_name("precious")
    target.write_text("{}\n")
    path.symlink_to(target)
    return target


async def test_jsonl_never_follows_a_symbolic_link(path: Path, target: Path) -> None:
    """A link somebody has put in the place leads to no other file."""
    with pytest.raises(OSError, match="symbolic link"):
        async with JsonlSink(RotatingFile(path)):
            pass
    with pytest.raises(NotReady):
        await JsonlSink(RotatingFile(path)).write([happened()])
    assert text_of(target) == "{}\n"


FOREIGN = "[core]\n"


@pytest.mark.parametrize("make", [lambda path: path.write_text(FOREIGN), os.mkfifo, os.mkdir])
async def test_jsonl_refuses_what_is_not_its_own(path: Path, make: Callable[[Path], None]) -> None:
    """A wrong path in a config damages nothing and asks for another one."""
    make(path)
    before = text_of(path)
    with trio.fail_after(5), pytest.raises(NotReady, match=r"choose another path|directory"):
        await JsonlSink(RotatingFile(path)).write([happened()])
    assert text_of(path) == before


async def test_full_disk_makes_the_sink_wait_and_leaves_no_torn_line(path: Path) -> None:
    """A write that ends half-way is `NotReady`; the next one repairs the line it left."""
    sink = JsonlSink(RotatingFile(path))
    await sink.write([happened("a")])
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(text_of(path)) + 50, allowed[1]))
    try:
        with pytest.raises(NotReady, match="too large"):
            await sink.write([happened("b")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)
    assert not text_of(path).endswith("\n")
    await sink.write([happened("b")])
    assert names(path) == ["a", "b"]


async def test_deleted_file_is_opened_again(path: Path) -> None:
    """Whoever deletes or moves the file loses no line that comes later."""
    async with JsonlSink(RotatingFile(path)) as sink:
        await sink.write([happened("a")])
        moved = move(path, "moved")
        await sink.write([happened("b")])
        os.unlink(path)
        await sink.write([happened("c")])
    assert (names(moved), names(path)) == (["a"], ["c"])
