"""The connection to SQLite as the store uses it: transactions, and failures that have a name."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from trunkline.activity.outbox.failures import failure


class Database:
    """One open database, used by one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._must_vacuum = False
        self.has_traces = False
        """Something that was deleted may still stand in the file or its log."""

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run one transaction: all of it is committed, or nothing.

        Raises:
            OutboxUnavailable, OutboxDamaged: nothing was.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield self._db
            self._db.execute("COMMIT")
        except sqlite3.Error as exc:
            self._roll_back()
            raise failure(exc) from exc
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")

    def rows(self, select: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Yield what a query finds.

        Raises:
            OutboxUnavailable, OutboxDamaged: it cannot be read.
        """
        try:
            yield from self._db.execute(select, values)
        except sqlite3.Error as exc:
            raise failure(exc) from exc

    def number(self, select: str, values: Sequence[Any] = ()) -> int:
        """Return the one number that a query finds."""
        [[number]] = self.rows(select, values)
        return int(number)

    def truncated(self) -> bool:
        """Move the log into the file and empty it; False where a reader stands in the way."""
        try:
            [is_busy, *_] = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error:
            return False
        return not is_busy

    def wipe(self) -> None:
        """Take every trace of what was deleted out of the file and its log, or as much as goes now.

        `secure_delete` is not enough: where SQLite moves rows from page to page it leaves copies in
        the room between them, so the file is written anew.
        """
        self._must_vacuum = True
        self.wipe_rest()

    def wipe_rest(self) -> None:
        """Do what `wipe` could not: another connection stood in the way, or the disk was full."""
        if self._must_vacuum:
            self._must_vacuum = not self._vacuumed()
        self.has_traces = not self.truncated() or self._must_vacuum

    def _vacuumed(self) -> bool:
        try:
            self._db.execute("VACUUM")
        except sqlite3.Error:
            return False
        return True

    def close(self) -> None:
        """Close it."""
        self._db.close()
