"""What can still be read of a damaged outbox, copied into a new one.

Read from a copy, so that the damaged file stays as it was found: opening it would change it.
"""

import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

import attrs
import orjson

from trunkline.activity.outbox.schema import COMMON, PLACE, TAIL

MODE = 0o600
PARTS = ("", "-wal", "-shm")  # a database, and what SQLite keeps beside it
_EVENT = f"{COMMON}, only_for"
_DEAD = f"{COMMON}, sink, reason, attempts, died"
_DATA = COMMON.split(", ").index("data")
_HIGHEST = 2**62  # no event ever had such a number, and there must be room above it
_OF_THE_DISK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


@attrs.frozen
class Salvaged:
    """What was seen and could not be kept."""

    lost_count: int = 0
    """Records that were there and are no good; of a page that is gone nobody knows how many."""


def salvage(
    damaged: Path, db: sqlite3.Connection, connect: Callable[[str], sqlite3.Connection]
) -> Salvaged:
    """Copy what is good of the file `damaged` into the new one `db`, all or nothing.

    What cannot be read is left behind; what cannot be written ends it, and can be tried again.

    Raises:
        OSError, sqlite3.Error: there is no room for it, say.
    """
    copy = damaged.with_name(damaged.name + ".copy")
    discard(copy)
    try:
        for part in ("", "-wal"):
            original = damaged.with_name(damaged.name + part)
            if original.exists():
                target = copy.with_name(copy.name + part)
                shutil.copyfile(original, target)
                os.chmod(target, MODE)
        with closing(connect(str(copy))) as source:
            return _copied(source, db)
    except OSError as exc:
        if exc.errno != errno.EIO:
            raise
        return Salvaged()  # the disk does not give back what stood there
    finally:
        discard(copy)


def discard(path: Path) -> None:
    """Delete a database of ours that serves no more, and what SQLite keeps beside it."""
    for part in PARTS:
        with suppress(OSError):
            path.with_name(path.name + part).unlink()


def _copied(source: sqlite3.Connection, db: sqlite3.Connection) -> Salvaged:
    lost = 0
    events: list[tuple[Any, ...]] = []
    dead: list[tuple[Any, ...]] = []
    for table, key, columns, kept in (
        ("events", "seq", _EVENT, events),
        ("dead", "number", _DEAD, dead),
    ):
        for row in _readable(source, table, key, columns):
            if _is_good(row[1:]):
                kept.append(row)
            else:
                lost += 1
    sinks = [row[1:] for row in _readable(source, "sinks", "name", PLACE) if _is_place(row[1:])]
    db.execute("BEGIN IMMEDIATE")
    _fill(db, "events", f"seq, {_EVENT}", events)  # with their numbers, which cursors point at
    _fill(db, "dead", f"number, {_DEAD}", dead)
    _fill(db, "sinks", PLACE, sinks)
    _go_on_counting(source, db)
    db.execute("COMMIT")
    return Salvaged(lost)


def _go_on_counting(source: sqlite3.Connection, db: sqlite3.Connection) -> None:
    """Give new events numbers above every one there was: below a cursor nobody would get them."""
    known = [number for (number,) in _until_damage(source, TAIL) if _is_number(number)]
    for select in ("SELECT max(seq) FROM events", "SELECT max(cursor) FROM sinks"):
        [highest] = db.execute(select).fetchone()
        known.append(highest or 0)
    db.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
    db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (max(known),))


def _readable(
    source: sqlite3.Connection, table: str, key: str, columns: str
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that can be read: from the front to the damage, and from the back to it."""
    select = f"SELECT {key}, {columns} FROM {table} ORDER BY {key}"  # noqa: S608 - names of our own tables
    front = [*_until_damage(source, select)]
    last = front[-1][0] if front else None
    behind = _until_damage(source, f"{select} DESC")
    back = [*takewhile(lambda row: last is None or row[0] > last, behind)]
    yield from front
    yield from reversed(back)


def _until_damage(source: sqlite3.Connection, select: str) -> Iterator[tuple[Any, ...]]:
    try:
        yield from source.execute(select)
    except sqlite3.Error as exc:
        code = getattr(exc, "sqlite_errorcode", None)  # none where the module itself refuses
        if code is not None and code & 0xFF in _OF_THE_DISK:
            raise  # not the damage: what stands behind it may well be good


def _is_good(row: tuple[Any, ...]) -> bool:
    """Tell whether the columns that `COMMON` names are what was written."""
    texts, data = row[:4], row[_DATA]
    if not all(isinstance(each, str) for each in texts) or not isinstance(data, bytes):
        return False
    try:
        return isinstance(orjson.loads(data), dict)
    except orjson.JSONDecodeError:
        return False


def _is_place(row: tuple[Any, ...]) -> bool:
    """Tell whether the columns that `PLACE` names are what was written; else the sink begins anew."""
    return all(isinstance(each, str) for each in row[:3]) and all(map(_is_number, row[3:6]))


def _is_number(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < _HIGHEST


def _fill(db: sqlite3.Connection, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(columns.split(", ")))
    db.executemany(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - as above
