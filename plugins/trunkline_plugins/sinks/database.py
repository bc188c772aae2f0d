"""A SQLite file with the table of events: made, migrated, and opened again if somebody moves it.

Synchronous: its user calls it in one worker thread at a time. It is never opened through a
symbolic link, and where it is made it belongs to the owner alone.
"""

import errno
import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from trunkline.plugin_api import NotReady
from trunkline_plugins.files import MODE, is_at
from trunkline_plugins.sinks.encoding import Row
from trunkline_plugins.sinks.tables import SQLITE_INSERT, SQLITE_STEPS, SQLITE_VERSIONS

BUSY_TIMEOUT = 5.0  # s for another writer of the same file


class Database:
    """The rows at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None

    def insert(self, rows: Sequence[Row]) -> None:
        """Add the rows whose id is not there yet, in one transaction that is on the disk then.

        Raises:
            NotReady: the file cannot be written now.
            sqlite3.DataError: a row is larger than SQLite takes.
        """
        try:
            with self._connected() as connection:  # commits, or rolls back
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(SQLITE_INSERT, rows)
        except sqlite3.DataError:
            raise
        except (sqlite3.Error, OSError) as exc:
            self.close()
            raise NotReady(f"{self._path}: {exc}") from exc

    def close(self) -> None:
        """Close the file; the next `insert` opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sqlite3.Connection:
        """Return a connection to the file that is at the path now, with the tables in it."""
        if self._connection is not None and not self._is_at_path():
            # SQLite itself would leave behind, in the write-ahead log, what is not in the file yet
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.close()
        if self._connection is None:
            self._file = self._made()
            connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                self._migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _made(self) -> os.stat_result:
        """Make the file where there is none.

        One that is there is not opened here: closing it would take SQLite's own locks away.
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
        found = os.lstat(self._path)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file; choose another path")
        return found

    def _is_at_path(self) -> bool:
        """Tell whether nobody has moved or deleted the file: its rows would be lost."""
        return self._file is not None and is_at(self._path, self._file)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(SQLITE_VERSIONS)
            [(newest,)] = connection.execute("SELECT max(version) FROM trunkline_schema")
            if (newest or 0) > max(SQLITE_STEPS):
                raise NotReady(f"{self._path}: written by a newer Trunkline; use that one")
            for version, step in SQLITE_STEPS.items():
                if version > (newest or 0):
                    for statement in step:
                        connection.execute(statement)
                    connection.execute("INSERT INTO trunkline_schema VALUES (?)", (version,))
