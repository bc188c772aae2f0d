"""A PostgreSQL server with the table of events, and what its errors mean.

Synchronous: its user calls `insert` and `close` in one worker thread at a time, `cut` from
another.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from trunkline.plugin_api import NotReady
from trunkline_plugins.sinks.encoding import Row
from trunkline_plugins.sinks.errors import Refused
from trunkline_plugins.sinks.tables import POSTGRESQL_INSERT, POSTGRESQL_VERSION

if TYPE_CHECKING:
    import psycopg

CUT_LIMIT = 2.0  # s to tell the server that a statement is not wanted any more
PERSON_WAIT = 60.0  # s; what a person has to mend is looked at again then
DEFAULTS = {
    "application_name": "trunkline",
    "connect_timeout": 10,  # s
    "keepalives_idle": 15,  # s; a server that is gone is noticed within half a minute
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # ms
}
#: Classes of SQLSTATE that are about a row: data, constraints, limits of the program.
ABOUT_A_ROW = ("22", "23", "54")
#: Those that pass by themselves: connection, conflicts, resources, an operator at work.
PASSING = ("08", "40", "53", "55", "57")
NO_TABLE = "42P01"
MAKE_TABLE = "make the table: trunkline schema --sql postgresql | psql"


class Server:
    """The rows at `dsn`, as libpq takes it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[Any] | None = None

    def insert(self, rows: Sequence[Row]) -> None:
        """Add the rows whose id is not there yet, in one transaction.

        Raises:
            NotReady: the server is not there, or a person has to act first.
            Refused: it takes no such row.
        """
        import psycopg  # an optional library

        try:
            connection = self._connected()
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(POSTGRESQL_INSERT, rows)
        except psycopg.Error as exc:
            state = exc.sqlstate or ""
            is_ours = not state and isinstance(exc, psycopg.DataError)  # found before it was sent
            if is_ours or state[:2] in ABOUT_A_ROW:  # the text would repeat what is in the row
                raise Refused(f"{type(exc).__name__} ({state or 'not sent'})") from None
            self.close()
            raise _not_ready(exc, state) from None

    def close(self) -> None:
        """Leave the server; the next `insert` connects again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def cut(self) -> None:
        """End the statement that another thread waits for, if there is one."""
        import psycopg

        connection = self._connection  # once: the other thread may close it meanwhile
        if connection is not None:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=CUT_LIMIT)

    def _connected(self) -> "psycopg.Connection[Any]":
        import psycopg
        from psycopg.conninfo import conninfo_to_dict

        if self._connection is None:
            parameters: dict[str, Any] = {**DEFAULTS, **conninfo_to_dict(self._dsn)}
            connection = psycopg.connect(**parameters, autocommit=True)
            self._connection = connection  # from here on it can be cut
            version = connection.execute("SELECT max(version) FROM trunkline_schema").fetchone()
            if version != (POSTGRESQL_VERSION,):
                self.close()
                raise NotReady(MAKE_TABLE, retry_after=PERSON_WAIT)
        return self._connection


def _not_ready(exc: "psycopg.Error", state: str) -> NotReady:
    """Return why nothing can be written; a reason that does not pass is looked at less often."""
    reason = MAKE_TABLE if state == NO_TABLE else next(iter(str(exc).splitlines()), "")
    is_passing = not state or state.startswith(PASSING)
    return NotReady(
        f"{type(exc).__name__}: {reason}", retry_after=None if is_passing else PERSON_WAIT
    )
