"""What the contract of the sinks is tried on: each kind of sink, and the place where it writes."""

import json
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from hook import Hook, answered
from postgresql import Cluster

from trunkline import Event, Gap, NotSent
from trunkline.activity.outbox import gap_event
from trunkline.plugin.binding import BoundSink
from trunkline_plugins.activity import upstream
from trunkline_plugins.sinks.console import ConsoleSink
from trunkline_plugins.sinks.database import Database
from trunkline_plugins.sinks.jsonl import JsonlSink
from trunkline_plugins.sinks.postgresql import PostgresqlSink
from trunkline_plugins.sinks.rotating import RotatingFile
from trunkline_plugins.sinks.server import Server
from trunkline_plugins.sinks.sqlite import SqliteSink
from trunkline_plugins.sinks.webhook.posting import Poster
from trunkline_plugins.sinks.webhook.sink import WebhookSink

AT = datetime(2026, 11, 22, 21, 4, 56, tzinfo=UTC)


def happened(name: str, **data: object) -> Event:
    """Return an activity as the tracker would record it."""
    received = AT.timestamp()
    record = {"at": int(received * 1000), "name": name, "metadata": {}, **data}
    event = Event("activity", "action", record, origin="local", received=received)
    assert event.id
    return event


def gap() -> Event:
    """Return a gap in a topic, as the outbox hands it to sinks."""
    return gap_event(Gap("approvals", "reconnect", AT, AT, epoch=2, dropped=7))


def unwritable(name: str) -> Event:
    """Return an event that is no JSON: it is nested too deeply."""
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"deeper": deep}
    return happened(name, deep=deep)


class SinkBench(ABC):
    """One kind of sink at one place; a new sink of it finds what earlier ones have written."""

    is_idempotent = False
    takes_gaps = True

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        """Let the place be there for the scope."""
        yield

    @abstractmethod
    def new(self) -> Any:
        """Return a sink that is not opened yet."""

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Return what is there, in order: an event's name, or `gap`."""

    @abstractmethod
    @contextmanager
    def away(self) -> Iterator[None]:
        """Let nothing be delivered there for the scope."""


class Jsonl(SinkBench):
    """A file of lines."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "events.jsonl"

    def new(self) -> Any:
        """Return a sink that writes to the file."""
        return JsonlSink(RotatingFile(self._path))

    def names(self) -> Sequence[str]:
        """Read the lines."""
        lines = [json.loads(line) for line in self._path.read_text().splitlines()]
        return [line["data"].get("name", "gap") for line in lines]

    @contextmanager
    def away(self) -> Iterator[None]:
        """Put a directory in the file's place."""
        with replaced_by_a_directory(self._path):
            yield


class Sqlite(SinkBench):
    """A database in a file."""

    is_idempotent = True

    def __init__(self, directory: Path) -> None:
        self.path = directory / "events.db"

    def new(self) -> Any:
        """Return a sink that writes to the file."""
        return SqliteSink(Database(self.path))

    def names(self) -> Sequence[str]:
        """Read the rows."""
        database = sqlite3.connect(self.path)
        try:
            rows = database.execute("SELECT data FROM trunkline_events ORDER BY position")
            return [json.loads(data).get("name", "gap") for (data,) in rows]
        finally:
            database.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Put a directory in the file's place."""
        with replaced_by_a_directory(self.path):
            yield


class Postgresql(SinkBench):
    """A table on a real server."""

    is_idempotent = True

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        with psycopg.connect(cluster.dsn("events"), autocommit=True) as connection:
            connection.execute("TRUNCATE trunkline_events RESTART IDENTITY")

    def new(self) -> Any:
        """Return a sink that writes to the table."""
        return PostgresqlSink(Server(self._cluster.dsn("events")))

    def names(self) -> Sequence[str]:
        """Read the rows."""
        with psycopg.connect(self._cluster.dsn("events"), autocommit=True) as connection:
            rows = connection.execute("SELECT data FROM trunkline_events ORDER BY position")
            return [data.get("name", "gap") for (data,) in rows]

    @contextmanager
    def away(self) -> Iterator[None]:
        """Take no connection, and end those there are."""
        with psycopg.connect(self._cluster.dsn(), autocommit=True) as connection:
            connection.execute("ALTER DATABASE events ALLOW_CONNECTIONS false")
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'events'"
            )
            yield
            connection.execute("ALTER DATABASE events ALLOW_CONNECTIONS true")


class Console(SinkBench):
    """A pipe, as standard output may be one."""

    def __init__(self, _: Path) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.set_blocking(self._reader, False)
        self._text = ""

    def new(self) -> Any:
        """Return a sink that writes to the pipe."""
        return ConsoleSink(self._writer)

    def names(self) -> Sequence[str]:
        """Read the lines."""
        self._text += self._read()
        data = [line.split(" ", 3)[3] for line in self._text.splitlines()]
        return [json.loads(each).get("name", "gap") for each in data]

    def _read(self) -> str:
        try:
            return os.read(self._reader, 1 << 20).decode()
        except BlockingIOError:
            return ""

    @contextmanager
    def away(self) -> Iterator[None]:
        """Fill the pipe."""
        self._text += self._read()
        try:
            while True:
                os.write(self._writer, b"x" * 4096)
        except BlockingIOError:
            yield
        while self._read():
            pass

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._reader)
        os.close(self._writer)


class Upstream(SinkBench):
    """A connection, as a plugin's context shows it."""

    takes_gaps = False  # the server's own topics are not sent to it

    def __init__(self, _: Path) -> None:
        self._sent: list[str] = []
        self._is_away = False

    def new(self) -> Any:
        """Return the function, bound as the host binds it."""
        return BoundSink(upstream, lambda: self)

    async def send(self, event: Event) -> None:
        """Take an activity."""
        if self._is_away:
            raise NotSent("no link")
        self._sent.append(event.get("name"))

    async def barrier(self) -> None:
        """Answer the ping behind a batch."""

    def names(self) -> Sequence[str]:
        """Return what was sent."""
        return self._sent

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have no link."""
        self._is_away = True
        yield
        self._is_away = False


class Webhook(SinkBench):
    """A receiver on loopback that answers 204, or 503 while it is away."""

    def __init__(self, _: Path) -> None:
        self._hook = Hook()

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        """Listen."""
        async with self._hook.listen():
            yield

    def new(self) -> Any:
        """Return a sink that posts to it."""
        return WebhookSink("webhook", Poster(self._hook.url))

    def names(self) -> Sequence[str]:
        """Read the bodies of what was taken."""
        bodies = [json.loads(each.body) for each in self._hook.taken]
        return [item["data"].get("name", "gap") for each in bodies for item in each]

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have no time."""
        self._hook.judge = lambda _: answered(503)
        yield
        self._hook.judge = lambda _: answered(204)


@contextmanager
def replaced_by_a_directory(path: Path) -> Iterator[None]:
    """Move what is at a path aside, and put a directory there, for the scope."""
    aside = path.with_name("aside")
    if path.exists():
        path.rename(aside)
    path.mkdir()
    yield
    path.rmdir()
    if aside.exists():
        aside.rename(path)
