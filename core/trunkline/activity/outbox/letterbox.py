"""The dead letters of a file, for a command: also while the host runs, so without its lock."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from trunkline.activity.outbox import dead, schema
from trunkline.activity.outbox.database import Database
from trunkline.activity.outbox.dead import DeadLetter
from trunkline.activity.outbox.opening import connected
from trunkline.errors import UserError


class Letterbox:
    """The dead letters in an open file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def letters(self, *, sink: str | None = None, reason: str | None = None) -> list[DeadLetter]:
        """Return them, the oldest first: of one sink, or whose reason holds a text."""
        return list(dead.letters(self._db, sink=sink, reason=reason))

    def replay(self, letters: Sequence[DeadLetter]) -> int:
        """Give these back to their sinks; return how many were still there.

        Raises:
            UserError: the outbox no longer has such a sink, or one is damaged: it would never go.
        """
        if damaged := [letter.number for letter in letters if letter.is_damaged]:
            raise UserError(f"dead letter {damaged[0]} is damaged and can only be purged")
        known = {name for (name,) in self._db.execute("SELECT name FROM sinks")}
        if strange := sorted({letter.sink for letter in letters} - known):
            raise UserError(
                f"there is no sink `{strange[0]}` any more, so nobody would take its events;"
                " configure it and start the host once, or purge them"
            )
        with Database(self._db).writing() as db:
            return dead.replay(db, [letter.number for letter in letters])

    def purge(self, letters: Sequence[DeadLetter]) -> int:
        """Delete these for good, their bytes too; return how many were still there."""
        database = Database(self._db)
        with database.writing() as db:
            count = dead.purge(db, [letter.number for letter in letters])
        database.wipe()
        return count


@contextmanager
def open_letterbox(path: Path) -> Iterator[Letterbox]:
    """Open the dead letters of the outbox at `path`.

    Raises:
        UserError: there is none, or it is not one that this version can read.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no outbox yet; a host makes it when it starts")
    try:
        with closing(connected(str(path))) as db:
            schema.prepare(db)
            if schema.pragma(db, "application_id") != schema.APPLICATION_ID:
                raise UserError(f"{path} is no outbox of Trunkline")
            if schema.pragma(db, "user_version") > schema.VERSION:
                raise UserError(f"{path} was written by a newer version of Trunkline; use that one")
            yield Letterbox(db)
    except sqlite3.Error as exc:
        raise UserError(f"{path} cannot be read: {exc}") from exc
