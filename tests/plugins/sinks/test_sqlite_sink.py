"""The SQLite sink: each id once, in one transaction a batch, in a file that is its owner's."""

import json
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
import trio
from sink_bench import gap, happened

from trunkline.plugin_api import NotReady
from trunkline_plugins.sinks import tables
from trunkline_plugins.sinks.database import Database
from trunkline_plugins.sinks.sqlite import SqliteSettings, SqliteSink

COLUMNS = "id, topic, type, received_at, epoch, origin, data"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "events.db"


def query(path: Path, statement: str) -> list[Any]:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


def rename(path: Path, name: str) -> Path:
    return path.rename(path.with_name(name))


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def spoil(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)


async def test_a_row_holds_every_field(path: Path) -> None:
    """Data as JSON, the time in ISO form; a gap is a row of type `gap` at its end."""
    event = happened("export", metadata={"n": 1})
    async with SqliteSink(Database(path)) as sink:
        await sink.write([event, gap()])
    first, second = query(path, f"SELECT {COLUMNS} FROM trunkline_events ORDER BY position")
    at = "2026-11-22T21:04:56+00:00"
    assert first[:6] == (event.id, "activity", "action", at, 0, "local")
    assert json.loads(first[6]) == dict(event.data)
    assert second[1:6] == ("approvals", "gap", at, 2, "live")
    assert json.loads(second[6])["dropped"] == 7


async def test_the_file_is_its_owners_and_survives_power_loss(path: Path) -> None:
    """Mode 0600 with its WAL, folder 0700; WAL mode, so that readers never wait for us."""
    async with SqliteSink(Database(path)) as sink:
        await sink.write([happened("a")])
        modes = {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
        assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert query(path, "PRAGMA journal_mode") == [("wal",)]


async def test_a_batch_is_there_whole_or_not_at_all(path: Path) -> None:
    """A name that no database can hold fails the batch, and leaves nothing of it."""
    async with SqliteSink(Database(path)) as sink:
        await sink.write([happened("a")])
        broken = happened("c")
        object.__setattr__(broken, "type", "\ud800")
        with pytest.raises(UnicodeEncodeError):
            await sink.write([happened("b"), broken])
        await sink.write([happened("d")])
    assert query(path, "SELECT count(*) FROM trunkline_events") == [(2,)]


async def test_a_moved_file_is_made_again(path: Path) -> None:
    """Whoever moves the file away loses no row that comes later."""
    async with SqliteSink(Database(path)) as sink:
        await sink.write([happened("a")])
        moved = rename(path, "moved.db")
        await sink.write([happened("b")])
    assert query(path, "SELECT count(*) FROM trunkline_events") == [(1,)]
    assert query(moved, "SELECT count(*) FROM trunkline_events") == [(1,)]


async def test_another_writer_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that somebody holds for long is a reason to try again."""
    monkeypatch.setattr("trunkline_plugins.sinks.database.BUSY_TIMEOUT", 0.01)
    async with SqliteSink(Database(path)) as sink:
        await sink.write([happened("a")])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await sink_is_not_ready(sink, "locked")
        other.close()
        await sink.write([happened("b")])


async def sink_is_not_ready(sink: SqliteSink, why: str) -> None:
    with trio.fail_after(10), pytest.raises(NotReady, match=why):
        await sink.write([happened("x")])


async def test_an_older_schema_is_brought_up_to_date(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, in one transaction each opening; the rows stay, and a failed step leaves all."""
    async with SqliteSink(Database(path)) as sink:
        await sink.write([happened("a")])
    steps = {**tables.SQLITE_STEPS, 2: ("ALTER TABLE trunkline_events ADD COLUMN note TEXT",)}
    broken = {**steps, 3: ("ALTER TABLE trunkline_events ADD COLUMN more TEXT", "NO SQL")}
    for version, known in ((1, broken), (2, steps)):
        monkeypatch.setattr("trunkline_plugins.sinks.database.SQLITE_STEPS", known)
        async with SqliteSink(Database(path)) as sink:
            if known is broken:
                await sink_is_not_ready(sink, "syntax error")
            else:
                await sink.write([happened("b")])
        assert query(path, "SELECT max(version) FROM trunkline_schema") == [(version,)]
    assert query(path, "SELECT count(*), count(note) FROM trunkline_events") == [(2, 0)]


async def test_a_newer_schema_is_left_alone(path: Path) -> None:
    """What a later version wrote is not touched, and the reason says what to do."""
    async with SqliteSink(Database(path)) as sink:
        await sink.write([happened("a")])
    query(path, "INSERT INTO trunkline_schema VALUES (99)")
    async with SqliteSink(Database(path)) as sink:
        await sink_is_not_ready(sink, "newer Trunkline")
    assert query(path, "SELECT count(*) FROM trunkline_events") == [(1,)]


@pytest.mark.parametrize("content", [b"[core]\n" * 200, b"SQLite format 3\0" + b"x" * 2000])
async def test_a_file_that_is_no_database_is_left_alone(path: Path, content: bytes) -> None:
    """A wrong path in a config damages nothing."""
    spoil(path, content)
    async with SqliteSink(Database(path)) as sink:
        await sink_is_not_ready(sink, "not a database")
    assert content_of(path) == content


async def test_a_full_disk_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that finds no room is not there, and comes again when there is."""
    async with SqliteSink(Database(path)) as sink:
        await sink.write([happened("a")])
        pages = query(path, "PRAGMA page_count")[0][0]
        database = Database(path)
        monkeypatch.setattr("trunkline_plugins.sinks.database.SQLITE_STEPS", {1: ()})
        connected = database._connected()  # noqa: SLF001 - the limit belongs to the connection
        connected.execute(f"PRAGMA max_page_count={pages}")
        full = SqliteSink(database)
        with pytest.raises(NotReady, match="full"):
            await full.write([happened("x" * 100, n=n, pad="y" * 500) for n in range(100)])
        await full.write([happened("b")])
        database.close()
    assert query(path, "SELECT count(*) FROM trunkline_events") == [(2,)]


async def test_the_printed_schema_makes_the_same_tables(path: Path, tmp_path: Path) -> None:
    """`trunkline schema --sql sqlite` and the sink agree, and each accepts the other's."""
    other = tmp_path / "other.db"
    database = sqlite3.connect(other)
    database.executescript(SqliteSettings.sql)
    database.close()
    for each in (path, other):
        async with SqliteSink(Database(each)) as sink:
            await sink.write([happened("a")])
    tables = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql"
    assert len(query(path, tables)) == 3
    normal = [text.replace("IF NOT EXISTS ", "") for (text,) in query(other, tables)]
    assert normal == [text.replace("IF NOT EXISTS ", "") for (text,) in query(path, tables)]
