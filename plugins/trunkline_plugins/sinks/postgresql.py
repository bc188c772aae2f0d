"""Sink `postgresql`: events as rows of a table on a server, each id once."""

from collections.abc import Sequence
from typing import ClassVar, Literal, Self

import attrs
import trio

from trunkline import Event
from trunkline.plugin_api import Reject, Secret, Sinks
from trunkline_plugins.sinks.encoding import encode, row
from trunkline_plugins.sinks.secrets import revealed
from trunkline_plugins.sinks.server import Server
from trunkline_plugins.sinks.tables import POSTGRESQL_SCRIPT

CLOSE_LIMIT = 2.0  # s for a thread that was cut short to come back


def _check_installed(_: object, __: object, kind: str) -> None:
    try:
        import psycopg  # noqa: F401 - only those need it who use it
    except ImportError as exc:
        raise ValueError(f"needs psycopg ({exc}): pip install 'trunkline[{kind}]'") from None


def _check_dsn(_: object, __: object, dsn: str | Secret) -> None:
    """Refuse a password in the file, and what libpq cannot read; no text repeats any of it."""
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:  # which is said of `kind`
        return
    try:
        parts = conninfo_to_dict(revealed(dsn))
    except psycopg.Error:
        raise ValueError(
            'expected where the database is, such as "host=db dbname=events"'
        ) from None
    if isinstance(dsn, str) and "password" in parts:
        raise ValueError('no password in the file: write dsn = { env = "NAME" }, or use ~/.pgpass')


@attrs.frozen(kw_only=True)
class PostgresqlSettings:
    """One entry of `[plugin.activity] sinks`: `{ kind = "postgresql", dsn = "dbname=events" }`."""

    kind: Literal["postgresql"] = attrs.field(default="postgresql", validator=_check_installed)
    """Which sink this is; it needs `pip install 'trunkline[postgresql]'`."""
    dsn: str | Secret = attrs.field(validator=_check_dsn)
    """The database, as libpq takes it: `host=db dbname=events user=trunkline`, or a URL."""
    name: str = "postgresql"
    """What logs and `trunkline status` call it."""
    topics: tuple[str, ...] = ("activity",)
    """The topics whose events it gets; `*` is every topic."""

    sql: ClassVar[str] = POSTGRESQL_SCRIPT

    def register(self, sinks: Sinks) -> None:
        """Deliver to it."""
        sink = PostgresqlSink(Server(revealed(self.dsn)))
        sinks.add(self.name, sink, topics=self.topics, idempotent=True)


class PostgresqlSink:
    """Inserts a batch in one transaction; what comes twice is there once.

    psycopg is asynchronous with asyncio only, so one worker thread does the work. A write that is
    cancelled is cut short on the server, and its thread is waited for before the next begins.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._thread = trio.CapacityLimiter(1)  # two must never use one connection

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.move_on_after(CLOSE_LIMIT, shield=True):
            await self._in_thread()

    async def write(self, events: Sequence[Event]) -> None:
        """Insert those whose id is not there yet.

        Raises:
            NotReady: the server is not there, or a person has to act first; nothing counts.
            Refused: it takes no such row; the batch is halved until that is found.
            Reject: some events are no JSON; the others are written.
        """
        rows, refused = encode(events, row)
        try:
            await trio.to_thread.run_sync(
                self._server.insert, rows, abandon_on_cancel=True, limiter=self._thread
            )
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._server.cut)
            raise
        if refused:
            raise Reject(refused)

    async def _in_thread(self) -> None:
        await trio.to_thread.run_sync(self._server.close, limiter=self._thread)
