"""The file rotates by size and day, repairs its end, and loses no line on the way."""

import gzip
import os
import shutil
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trunkline_plugins.sinks.archive import archives, put_aside
from trunkline_plugins.sinks.rotating import RotatingFile

LINE = b'{"n":1}\n'


class Clock:
    """A wall that shows the real time, put forward by `days`."""

    def __init__(self) -> None:
        self.days = 0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def unpacked(path: Path) -> list[bytes]:
    """Read the archives, the oldest first."""
    return [gzip.decompress(archive.read_bytes()) for archive in archives(path)]


def test_file_rotates_before_it_would_be_too_large(path: Path) -> None:
    """A batch stays whole: what does not fit goes to the next file."""
    file = RotatingFile(path, max_bytes=20)
    for _ in range(3):
        file.append(LINE)
    file.close()
    assert unpacked(path) == [LINE * 2]
    assert path.read_bytes() == LINE
    [archive] = archives(path)
    assert archive.name.endswith(".jsonl.gz")
    assert archive.stat().st_mode & 0o777 == 0o600


def test_batch_larger_than_the_limit_is_written_whole(path: Path) -> None:
    """The limit says when to rotate, not what may be written."""
    file = RotatingFile(path, max_bytes=4)
    file.append(LINE)
    file.close()
    assert path.read_bytes() == LINE
    assert archives(path) == []


def test_file_rotates_at_the_first_line_of_a_new_day(path: Path) -> None:
    """Each archive holds one day; a day without lines makes none."""
    clock = Clock()
    file = RotatingFile(path, now=clock)
    file.append(LINE)
    file.append(LINE)
    clock.days = 3
    file.append(b"{}\n")
    file.close()
    assert unpacked(path) == [LINE * 2]
    assert path.read_bytes() == b"{}\n"


def test_only_the_latest_archives_are_kept(path: Path) -> None:
    """The oldest go, and nothing that is not an archive of this file."""
    stranger = path.with_name("events-notes.jsonl.gz")
    stranger.write_bytes(b"mine")
    file = RotatingFile(path, max_bytes=1, keep=3)
    for number in range(6):
        file.append(b'{"n":%d}\n' % number)
    file.close()
    assert unpacked(path) == [b'{"n":%d}\n' % number for number in (2, 3, 4)]
    assert stranger.exists()


def test_rotations_of_one_moment_do_not_overwrite_each_other(path: Path) -> None:
    """Two archives never get one name, whatever the clock says."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    for line in (b"1\n", b"2\n"):
        path.write_bytes(line)
        put_aside(path, now, keep=14)
    assert unpacked(path) == [b"1\n", b"2\n"]


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", range(1, 6))
def test_crash_point_10_no_line_is_lost_or_doubled(
    path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each change of the directory, and in the compression; opening puts it right."""
    count = 0

    def crashing(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise Crash
            return function(*arguments, **options)

        return call

    file = RotatingFile(path, max_bytes=1)
    file.append(b'{"n":0}\n')
    with monkeypatch.context() as context:
        for owner, name in ((Path, "rename"), (Path, "unlink"), (os, "fsync")):
            context.setattr(owner, name, crashing(getattr(owner, name)))
        context.setattr(shutil, "copyfileobj", crashing(shutil.copyfileobj))
        with pytest.raises(Crash):
            file.append(b'{"n":1}\n')  # rename, copyfileobj, fsync, rename, unlink
    file.close()
    again = RotatingFile(path)
    again.open()
    assert b"".join([*unpacked(path), path.read_bytes()]) == b'{"n":0}\n'
    again.append(b'{"n":1}\n')
    again.close()
    assert b"".join([*unpacked(path), path.read_bytes()]) == b'{"n":0}\n{"n":1}\n'
    assert not [*path.parent.glob("*.part")]


def test_rotation_finishes_what_a_crash_has_interrupted(path: Path) -> None:
    """An archive that was left uncompressed, with half of its copy, is compressed next time."""
    left = path.with_name("events-20261121T000000.000000.jsonl")
    left.write_bytes(b"left\n")
    left.with_name(left.name + ".gz.part").write_bytes(b"half")
    file = RotatingFile(path, max_bytes=1)
    file.append(LINE)
    file.append(LINE)
    file.close()
    assert unpacked(path) == [b"left\n", LINE]
    assert not left.exists()
    assert list(path.parent.glob("*.part")) == []


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (b"", b""),
        (LINE, LINE),
        (LINE + b'{"n":', LINE),
        (LINE + b'{"n":2}', LINE + b'{"n":2}\n'),
        (b'{"n":', b""),
        (LINE + b"\0" * 9, LINE),
        (LINE + b'{"long":"' + b"x" * 200_000, LINE),
        (b'{"long":"' + b"x" * 200_000 + b'"}', b'{"long":"' + b"x" * 200_000 + b'"}\n'),
    ],
)
def test_torn_last_line_is_repaired_at_open(path: Path, found: bytes, kept: bytes) -> None:
    """A whole line is ended, a torn one cut off; it was never confirmed, so it comes again."""
    path.write_bytes(found)
    file = RotatingFile(path)
    file.open()
    file.close()
    assert path.read_bytes() == kept


def test_c84_a_torn_line_without_bounds_is_cut_without_being_read(path: Path) -> None:
    """However long the garbage at the end is, opening costs no memory for it."""
    path.write_bytes(LINE + b'{"long":"')
    os.truncate(path, 200 * 1024 * 1024)
    tracemalloc.start()
    file = RotatingFile(path)
    file.open()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    file.close()
    assert path.read_bytes() == LINE
    assert peak < 1024 * 1024


def test_short_writes_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes a few bytes at a time gets all of them, in order."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:3]))
    file = RotatingFile(path)
    file.append(LINE * 5)
    file.close()
    assert path.read_bytes() == LINE * 5


def test_closed_file_opens_again_and_nothing_writes_nothing(path: Path) -> None:
    """An empty batch does not even make the file."""
    file = RotatingFile(path)
    file.append(b"")
    assert not path.exists()
    file.append(LINE)
    file.close()
    file.close()
    file.append(LINE)
    file.close()
    assert path.read_bytes() == LINE * 2


def test_fsync_is_asked_for_once_a_batch(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the option on, a batch is on the disk when it counts as delivered."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    file = RotatingFile(path, fsync=True)
    file.append(LINE)
    file.append(LINE)
    file.close()
    assert len(synced) == 2
