"""Dead letters: events that one sink will never take, kept for a person (activity A28).

Everything here works inside a transaction of the caller's, in the host or in a command beside it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import orjson

from trunkline.activity.outbox.rows import stored_event
from trunkline.activity.outbox.schema import COMMON
from trunkline.events import Event

LETTERS = 10_000
LETTER_BYTES = 64 * 1024 * 1024


@attrs.frozen
class DeadLetter:
    """One event that one sink would not take."""

    number: int
    """Counts up, and names it in commands."""
    sink: str
    reason: str
    attempts: int
    """How often the sink was given it alone; 1 where it said no by name."""
    died: float
    """Seconds since 1970."""
    event: Event
    is_damaged: bool = False
    """What the event said cannot be read any more."""


def bury(
    db: sqlite3.Connection, sink: str, seq: int, reason: str, attempts: int, now: float
) -> None:
    """Keep the stored event `seq` as a dead letter of `sink`."""
    db.execute(
        f"INSERT INTO dead (sink, reason, attempts, died, {COMMON})"  # noqa: S608 - names of our own columns
        f" SELECT ?, ?, ?, ?, {COMMON} FROM events WHERE seq = ?",
        (sink, reason, attempts, now, seq),
    )


def bound(db: sqlite3.Connection) -> int:
    """Delete the oldest while there are too many; return how many went."""
    count, size = db.execute("SELECT count(*), coalesce(sum(size), 0) FROM dead").fetchone()
    gone: list[tuple[int]] = []
    if count > LETTERS or size > LETTER_BYTES:
        for number, letter_size in db.execute("SELECT number, size FROM dead ORDER BY number"):
            if count <= LETTERS and size <= LETTER_BYTES:
                break
            gone.append((number,))
            count, size = count - 1, size - letter_size
    db.executemany("DELETE FROM dead WHERE number = ?", gone)
    return len(gone)


def letters(
    db: sqlite3.Connection, *, sink: str | None = None, reason: str | None = None
) -> Iterator[DeadLetter]:
    """Yield the dead letters, the oldest first: of one sink, or whose reason holds a text."""
    select = f"SELECT number, sink, reason, attempts, died, {COMMON} FROM dead"  # noqa: S608 - as above
    where, values = [], []
    if sink is not None:
        where.append("sink = ?")
        values.append(sink)
    if reason is not None:
        where.append("instr(lower(reason), lower(?)) > 0")
        values.append(reason)
    if where:
        select += f" WHERE {' AND '.join(where)}"
    for number, name, why, attempts, died, *common in db.execute(
        f"{select} ORDER BY number", values
    ):
        about = (number, name, why, attempts, died)
        try:
            yield DeadLetter(*about, stored_event(tuple(common)))
        except orjson.JSONDecodeError:  # a flipped bit that SQLite does not see
            yield DeadLetter(*about, stored_event((*common[:-1], b"{}")), is_damaged=True)


def replay(db: sqlite3.Connection, numbers: Sequence[int]) -> int:
    """Give these back to their sinks, at the end of the queue and under their ids."""
    found = 0
    for number in numbers:
        added = db.execute(
            f"INSERT INTO events (only_for, {COMMON})"  # noqa: S608 - as above
            f" SELECT sink, {COMMON} FROM dead WHERE number = ?",
            (number,),
        )
        found += added.rowcount
    purge(db, numbers)
    return found


def purge(db: sqlite3.Connection, numbers: Sequence[int]) -> int:
    """Delete these for good."""
    one: Any = [(number,) for number in numbers]
    return max(0, db.executemany("DELETE FROM dead WHERE number = ?", one).rowcount)
