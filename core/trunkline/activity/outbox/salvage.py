"""What can still be read of a damaged outbox, copied into a new one.

Read from a copy, so that the damaged file stays as it was found: opening it would change it.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import attrs
import orjson

from trunkline.activity.outbox.schema import COMMON

MODE = 0o600
_EVENT = f"{COMMON}, only_for"
_DEAD = f"{COMMON}, sink, reason, attempts, died"
_SINK = "name, owner, topics, cursor, suspect, failures, account"
_DATA = COMMON.split(", ").index("data")


@attrs.frozen
class Salvaged:
    """What was kept, and what was seen and could not be."""

    event_count: int = 0
    dead_count: int = 0
    lost_count: int = 0
    """Records that were there and are no good; of a page that is gone nobody knows how many."""


def salvage(aside: Path, db: sqlite3.Connection) -> Salvaged:
    """Copy what is good of the damaged file `aside` into `db`; whatever fails, the rest goes on."""
    copy = aside.with_name(aside.name + ".copy")
    parts = [(aside.with_name(aside.name + part), copy.with_name(copy.name + part)) for part in ("", "-wal")]  # fmt: skip
    source: sqlite3.Connection | None = None
    try:
        for original, target in parts:
            if original.exists():
                shutil.copyfile(original, target)
                os.chmod(target, MODE)
        source = sqlite3.connect(copy, isolation_level=None)
        return _copied(source, db)
    except (OSError, sqlite3.Error):
        return Salvaged()
    finally:
        if source is not None:
            source.close()
        for part in ("", "-wal", "-shm"):
            copy.with_name(copy.name + part).unlink(missing_ok=True)


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
    sinks = [row[1:] for row in _readable(source, "sinks", "name", _SINK)]
    db.execute("BEGIN IMMEDIATE")
    _fill(db, "events", f"seq, {_EVENT}", events)  # with their numbers, which cursors point at
    _fill(db, "dead", f"number, {_DEAD}", dead)
    _fill(db, "sinks", _SINK, sinks)
    db.execute("COMMIT")
    return Salvaged(len(events), len(dead), lost)


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
    except sqlite3.Error:
        return


def _is_good(row: tuple[Any, ...]) -> bool:
    """Tell whether the columns that `COMMON` names are what was written."""
    texts, data = row[:4], row[_DATA]
    if not all(isinstance(each, str) for each in texts) or not isinstance(data, bytes):
        return False
    try:
        return isinstance(orjson.loads(data), dict)
    except orjson.JSONDecodeError:
        return False


def _fill(db: sqlite3.Connection, table: str, columns: str, rows: list[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(columns.split(", ")))
    db.executemany(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - as above
