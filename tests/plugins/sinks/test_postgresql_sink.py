"""The PostgreSQL sink, against a real server: each id once, and its errors mean what they say."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import attrs
import psycopg
import pytest
import trio
from postgresql import Cluster
from sink_bench import AT, gap, happened

from trunkline.plugin_api import NotReady, Secret
from trunkline_plugins.sinks.errors import Refused
from trunkline_plugins.sinks.postgresql import PostgresqlSettings, PostgresqlSink
from trunkline_plugins.sinks.server import PERSON_WAIT, Server


@pytest.fixture
def events(cluster: Cluster) -> Iterator[str]:
    """Return where a database with an empty table is; it has its table again afterwards."""
    dsn = cluster.dsn("events")
    execute(dsn, "TRUNCATE trunkline_events")
    yield dsn
    execute(dsn, PostgresqlSettings.sql)


def execute(dsn: str, script: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script)


def query(dsn: str, statement: str) -> list[Any]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(statement).fetchall()


def count(dsn: str) -> int:
    [(number,)] = query(dsn, "SELECT count(*) FROM trunkline_events")
    return int(number)


def sink_at(dsn: str) -> PostgresqlSink:
    return PostgresqlSink(Server(dsn))


@contextmanager
def locked(dsn: str) -> Iterator[None]:
    """Let every write to the table wait for the scope."""
    with psycopg.connect(dsn) as connection:
        connection.execute("LOCK TABLE trunkline_events IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


async def test_a_row_holds_every_field(events: str) -> None:
    """In the types of the database, so that a query needs no casts."""
    event = happened("export", metadata={"n": 1})
    async with sink_at(events) as sink:
        await sink.write([event, gap()])
    first, second = query(
        events,
        "SELECT id::text, topic, type, received_at, epoch, origin, data FROM trunkline_events ORDER BY position",
    )
    assert first == (event.id, "activity", "action", AT, 0, "local", dict(event.data))
    assert second[1:6] == ("approvals", "gap", datetime(2026, 11, 22, 21, 4, 56, tzinfo=UTC), 2, "live")  # fmt: skip
    assert second[6]["dropped"] == 7


async def test_a_row_that_no_table_takes_refuses_the_batch_whole(events: str) -> None:
    """NUL is text for JSON and none for PostgreSQL: nothing is left of the batch, nor in the text."""
    async with sink_at(events) as sink:
        await sink.write([happened("a")])
        with pytest.raises(Refused, match="22P05") as caught:
            await sink.write([happened("b"), happened("canary\0canary")])
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None
        with pytest.raises(Refused, match="not sent"):  # the library finds it in a column of text
            await sink.write([attrs.evolve(happened("b"), type="canary\0")])
        await sink.write([happened("c")])
    assert count(events) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        "DROP TABLE trunkline_events",
        "DROP TABLE trunkline_schema",
        "INSERT INTO trunkline_schema VALUES (99)",
    ],
)
async def test_a_table_that_is_not_ours_is_a_persons_business(
    cluster: Cluster, events: str, spoil: str
) -> None:
    """Missing, or newer than this program: the reason says what to run; nothing is lost."""
    execute(events, spoil)
    async with sink_at(events) as sink:
        with pytest.raises(NotReady, match="trunkline schema --sql postgresql") as caught:
            await sink.write([happened("a")])
        assert caught.value.retry_after == PERSON_WAIT
        execute(
            events,
            "DELETE FROM trunkline_schema WHERE version = 99" if "99" in spoil else "SELECT 1",
        )
        cluster.psql("events", PostgresqlSettings.sql)
        await sink.write([happened("a")])
    assert count(events) == 1


async def test_the_script_may_be_repeated(cluster: Cluster, events: str) -> None:
    """An update runs it again; what is there stays."""
    async with sink_at(events) as sink:
        await sink.write([happened("a")])
        cluster.psql("events", PostgresqlSettings.sql)
        await sink.write([happened("b")])
    assert count(events) == 2


async def test_a_write_past_its_limit_is_cut_on_the_server(events: str) -> None:
    """The delivery's limit ends it at once; nothing of it runs on, and the next one goes through."""
    async with sink_at(events) as sink:
        await sink.write([happened("a")])
        with locked(events):
            with trio.fail_after(5), trio.move_on_after(0.2) as limit:
                await sink.write([happened("b")])
            assert limit.cancelled_caught
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            with trio.fail_after(5):
                while query(events, waiting) != [(0,)]:  # noqa: ASYNC110 - the server knows
                    await trio.sleep(0.01)
        await sink.write([happened("c")])
    assert {row for (row,) in query(events, "SELECT data->>'name' FROM trunkline_events")} == {
        "a",
        "c",
    }


async def test_a_server_that_stands_still_holds_nobody_up(events: str) -> None:
    """The limit ends the write though no answer comes; no second one begins beside it."""
    async with sink_at(events) as sink:
        await sink.write([happened("a")])
        ours = "SELECT pid FROM pg_stat_activity WHERE application_name = 'trunkline'"
        [(process,)] = query(events, ours)
        os.kill(process, signal.SIGSTOP)
        try:
            for name in ("b", "c"):
                with trio.fail_after(8), trio.move_on_after(0.1) as limit:
                    await sink.write([happened(name)])
                assert limit.cancelled_caught
        finally:
            os.kill(process, signal.SIGCONT)
        await sink.write([happened("d")])
    assert {"a", "d"} <= {
        name for (name,) in query(events, "SELECT data->>'name' FROM trunkline_events")
    }
    assert count(events) <= 3


async def test_a_server_that_crashes_is_waited_for(cluster: Cluster, events: str) -> None:
    """What was confirmed is there; what was not comes again, once."""
    async with sink_at(events) as sink:
        await sink.write([happened("a")])
        await trio.to_thread.run_sync(cluster.stop, "immediate")
        try:
            for _ in range(2):
                with pytest.raises(NotReady) as caught:
                    await sink.write([happened("b")])
                assert caught.value.retry_after is None
        finally:
            await trio.to_thread.run_sync(cluster.start)
        await sink.write([happened("b")])
    assert count(events) == 2


async def test_nobody_there_is_not_ready_at_once(tmp_path: object) -> None:
    """A socket that does not exist; the sink is closed all the same."""
    async with sink_at(f"host={tmp_path} dbname=events") as sink:
        with trio.fail_after(5), pytest.raises(NotReady, match="OperationalError"):
            await sink.write([happened("a")])


# the settings


@pytest.mark.parametrize("dsn", ["dbname=events host=db", "postgresql://db.example/events", ""])
def test_a_dsn_is_what_libpq_takes(dsn: str) -> None:
    """Key and value, or a URL; nothing means the environment's."""
    assert PostgresqlSettings(dsn=dsn).dsn == dsn
    PostgresqlSettings(dsn=Secret("dbname=events password=hunter2"))


@pytest.mark.parametrize("dsn", ["dbname=events password=hunter2", "postgresql://u:hunter2@db/events", "hunter2", "dbnam=hunter2"])  # fmt: skip
def test_no_password_stands_in_the_file(dsn: str) -> None:
    """Nor anything that libpq cannot read; the text repeats none of it."""
    with pytest.raises(
        ValueError, match=r"no password in the file|where the database is"
    ) as caught:
        PostgresqlSettings(dsn=dsn)
    assert "hunter2" not in str(caught.value)


def test_a_missing_library_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` prints it, with the line in the file."""
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ValueError, match=r"pip install 'trunkline\[postgresql\]'"):
        PostgresqlSettings(dsn="dbname=events")
