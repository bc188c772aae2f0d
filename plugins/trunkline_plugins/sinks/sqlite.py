"""Sink `sqlite`: events as rows of a table in a file, each id once."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import attrs
import trio

from trunkline import Event
from trunkline.plugin_api import Reject, Sinks
from trunkline_plugins.sinks.database import Database
from trunkline_plugins.sinks.encoding import encode, row
from trunkline_plugins.sinks.tables import sqlite_script


@attrs.frozen
class SqliteSettings:
    """One entry of `[plugin.activity] sinks`: `{ kind = "sqlite", path = "events.db" }`."""

    path: Path
    """The database, made with mode 0600 where there is none; its table is `trunkline_events`."""
    kind: Literal["sqlite"] = "sqlite"
    """Which sink this is."""
    name: str = "sqlite"
    """What logs and `trunkline status` call it."""
    topics: tuple[str, ...] = ("activity",)
    """The topics whose events it gets; `*` is every topic."""

    sql: ClassVar[str] = sqlite_script()

    def register(self, sinks: Sinks) -> None:
        """Deliver to it."""
        sink = SqliteSink(Database(self.path))
        sinks.add(self.name, sink, topics=self.topics, idempotent=True)


class SqliteSink:
    """Inserts a batch in one transaction; what comes twice is there once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._database.close()  # in line: it must also happen when cancelled

    async def write(self, events: Sequence[Event]) -> None:
        """Insert those whose id is not there yet.

        The thread is waited for even when cancelled: two must never use one connection.

        Raises:
            NotReady: the file cannot be written now; that is never an event's fault.
            Reject: some events are no JSON; the others are written.
        """
        rows, refused = encode(events, row)
        await trio.to_thread.run_sync(self._database.insert, rows)
        if refused:
            raise Reject(refused)
