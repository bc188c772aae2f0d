"""A PostgreSQL server for the tests of the sinks, started once."""

from collections.abc import Iterator
from contextlib import ExitStack

import postgresql
import psycopg
import pytest

from trunkline_plugins.sinks.postgresql import PostgresqlSettings


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgresql.Cluster]:
    """Return a running server with the database `events` and its tables; skipped without one."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgresql.cluster())
        except LookupError as exc:
            pytest.skip(str(exc))
        for database, script in (
            ("postgres", "CREATE DATABASE events"),
            ("events", PostgresqlSettings.sql),
        ):
            with psycopg.connect(server.dsn(database), autocommit=True) as connection:
                connection.execute(script)
        yield server
