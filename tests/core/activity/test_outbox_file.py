"""The file of an outbox: ours or refused, sound or set aside, one host each (F16, F17, C82, C83)."""

import os
import random
import select
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from outbox_bench import key, names, row, store
from outbox_files import aside, filled

from trunkline.activity.activity import Activity
from trunkline.activity.outbox import FileLock, OutboxLocked, OutboxUnavailable, open_file
from trunkline.activity.outbox.schema import VERSION
from trunkline.activity.tracker import Tracker
from trunkline.errors import ConfigError

NOBODY = 65534


def test_s7_file_and_folder_belong_to_their_owner_alone(path: Path) -> None:
    """0600 in 0700, the log too; an older file is closed to others."""
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"")
    path.chmod(0o644)
    outbox = store(path=path)
    outbox.append([row("a")])
    modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert modes["outbox.db"] == modes["outbox.db-wal"] == 0o600
    outbox.close()


@pytest.mark.parametrize("part", ["", "-wal", "-shm"])
def test_s7_links_are_not_followed(path: Path, part: str, tmp_path: Path) -> None:
    """Whoever can write beside it must not choose what is written."""
    path.parent.mkdir()
    target = tmp_path / "precious"
    target.write_text("mine")
    path.with_name(path.name + part).symlink_to(target)
    with pytest.raises(ConfigError, match="not a regular file; choose another path"):
        open_file(path)
    assert target.read_text() == "mine"


def test_f16_a_folder_in_its_place_is_refused(path: Path) -> None:
    """Exit 78: no restart cures it."""
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match="not a regular file"):
        open_file(path)


def test_f16_a_file_in_the_place_of_its_folder_is_refused(path: Path) -> None:
    """Named by what the system says."""
    path.parent.write_text("")
    with pytest.raises((ConfigError, OutboxUnavailable), match=r"Not a directory|File exists"):
        open_file(path)


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """Give a folder that another user owns, and be that user."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def test_f16_a_read_only_file_is_refused(as_nobody: Path) -> None:
    """Also a read-only folder; nothing is changed."""
    path = as_nobody / "outbox.db"
    filled(path)
    path.chmod(0o400)
    with pytest.raises(ConfigError, match="cannot be written: Permission denied; choose another"):
        open_file(path)
    as_nobody.chmod(0o500)
    with pytest.raises(ConfigError, match="Permission denied"):
        open_file(as_nobody / "other.db")
    as_nobody.chmod(0o700)


def test_f16_the_file_of_another_user_is_refused(as_nobody: Path) -> None:
    """Even where it could be written."""
    path = as_nobody / "outbox.db"
    os.seteuid(0)
    filled(path)
    path.chmod(0o666)
    os.seteuid(NOBODY)
    with pytest.raises(ConfigError, match="belongs to another user"):
        open_file(path)


def test_c82_an_empty_file_is_opened(path: Path) -> None:
    """Zero bytes are no damage."""
    path.parent.mkdir()
    path.write_bytes(b"")
    outbox = store(path=path)
    outbox.append([row("a")])
    outbox.close()
    assert aside(path) == []


def test_c82_a_newer_schema_is_refused_and_untouched(path: Path) -> None:
    """Exit 78; the newer version is named."""
    filled(path)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=f"newer version of Trunkline .format {VERSION + 1}"):
        open_file(path)
    assert path.read_bytes() == before
    assert aside(path) == []


def test_f17_a_database_of_another_program_is_refused_and_untouched(path: Path) -> None:
    """A wrong path in a config must not cost anybody their data."""
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(ConfigError, match="database of another program"):
        open_file(path)
    assert aside(path) == []


def test_c82_garbage_is_set_aside_and_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Never deleted; a new file begins."""
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 500)
    outbox = store(path=path)
    outbox.append([row("a")])
    outbox.close()
    [kept] = aside(path)
    assert kept.read_bytes() == b"this is no database" * 500
    [record] = [r for r in caplog.records if r.message == "outbox.damaged"]
    assert vars(record)["source"] == str(kept)
    assert vars(record)["count"] == 0


def test_a_damaged_file_that_cannot_be_set_aside_is_left_alone(as_nobody: Path) -> None:
    """Said, and tried again by whoever starts the host."""
    path = as_nobody / "outbox.db"
    path.write_bytes(b"garbage" * 1000)
    as_nobody.chmod(0o500)
    with pytest.raises(OutboxUnavailable, match="Permission denied"):
        open_file(path)
    as_nobody.chmod(0o700)
    assert path.read_bytes() == b"garbage" * 1000


def test_a22_one_host_per_file_and_the_other_is_named(tmp_path: Path) -> None:
    """Within a process, and again once it is given back."""
    lock, other = FileLock(tmp_path / "o.db.lock"), FileLock(tmp_path / "o.db.lock")
    lock.acquire()
    with pytest.raises(OutboxLocked, match=f"o.db is in use by another host, pid {os.getpid()}"):
        other.acquire()
    lock.release()
    lock.release()
    other.acquire()
    other.release()
    assert (tmp_path / "o.db.lock").stat().st_mode & 0o777 == 0o600


async def test_a_file_that_cannot_be_locked_is_not_used(tmp_path: Path) -> None:
    """Two might use it: a lock that is no file of ours is as bad as a read-only disk."""
    (tmp_path / "o.db.lock").mkdir()
    tracker = Tracker(environ={})
    activity = Activity(tracker, [], random.Random(1), path=tmp_path / "o.db")
    with pytest.raises(ConfigError, match=r"o\.db cannot be written: Is a directory"):
        await activity.open()
    await activity.close()


def test_a22_another_process_is_named_by_its_number(tmp_path: Path) -> None:
    """And a child that it forks does not keep the lock when it is gone."""
    (told, telling), (go, letting_go), (end, ending) = pipes = [os.pipe() for _ in range(3)]
    pid = os.fork()
    if not pid:  # the host; it forks a child of its own, which outlives it
        os.close(ending)
        FileLock(tmp_path / "o.db.lock").acquire()
        if not os.fork():
            os.read(end, 1)  # until the host is gone
            try:
                FileLock(tmp_path / "o.db.lock").acquire()  # as a daemon would
                os.write(telling, b"y")
            finally:
                os._exit(0)
        os.write(telling, b"x")
        os.read(go, 1)
        os._exit(0)
    assert os.read(told, 1) == b"x"
    mine = FileLock(tmp_path / "o.db.lock")
    with pytest.raises(OutboxLocked, match=f"pid {pid}"):
        mine.acquire()
    os.write(letting_go, b"x")
    os.waitpid(pid, 0)
    mine.acquire()
    mine.release()
    os.write(ending, b"x")
    ready, _, _ = select.select([told], [], [], 10)
    assert ready
    for fd in (fd for pipe in pipes for fd in pipe):
        os.close(fd)


def test_sinks_are_known_by_their_topics_too(path: Path) -> None:
    """A topic that a sink no longer takes holds nothing for it."""
    outbox = store(key("p.sink", "activity", "audit"), path=path)
    outbox.append([row("a"), row("b", topic="audit")])
    outbox.close()
    outbox = store(key("p.sink"), path=path)
    assert names(outbox.read("p.sink", 9)) == ["a"]
    assert outbox.used.events == 1
    outbox.close()
