"""The tables of the outbox, and how a file shows that it is one."""

import sqlite3

from trunkline.activity.outbox.failures import OutboxDamaged

APPLICATION_ID = 0x54524B4C  # "TRKL"
VERSION = 1

_TABLES = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, for cursors point at it
    id TEXT NOT NULL,
    topic TEXT NOT NULL,
    type TEXT NOT NULL,
    origin TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    received REAL NOT NULL,
    subject TEXT,
    rank INTEGER NOT NULL,   -- who goes first when the outbox is full
    size INTEGER NOT NULL,   -- bytes that count towards the bound
    only_for TEXT,           -- the one sink that gets it, after a replay of its dead letter
    data BLOB NOT NULL
);
CREATE TABLE sinks (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    topics TEXT NOT NULL,
    cursor INTEGER NOT NULL, -- everything up to here is settled
    suspect INTEGER NOT NULL DEFAULT 0,   -- the event that failed alone
    failures INTEGER NOT NULL DEFAULT 0,  -- how often it did
    account TEXT             -- whose events it holds, where it is the server
) WITHOUT ROWID;
CREATE TABLE dead (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    died REAL NOT NULL,
    id TEXT NOT NULL,
    topic TEXT NOT NULL,
    type TEXT NOT NULL,
    origin TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    received REAL NOT NULL,
    subject TEXT,
    rank INTEGER NOT NULL,
    size INTEGER NOT NULL,
    data BLOB NOT NULL
);
"""
TAIL = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'"
#: What an event and its dead letter have in common.
COMMON = "id, topic, type, origin, epoch, received, subject, rank, size, data"
#: The columns of a sink.
PLACE = "name, owner, topics, cursor, suspect, failures, account"


def prepare(db: sqlite3.Connection) -> None:
    """Set what a connection needs, in this order: nothing deleted may leave bytes behind."""
    db.execute("PRAGMA busy_timeout = 5000")  # ms; a `dlq` command holds it for a moment
    db.execute("PRAGMA secure_delete = ON")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA temp_store = MEMORY")
    db.execute("PRAGMA journal_size_limit = 16777216")  # bytes the WAL keeps after a peak


def create(db: sqlite3.Connection) -> None:
    """Make the tables in an empty file, all or none."""
    db.execute("PRAGMA journal_mode = WAL")
    steps = ["BEGIN IMMEDIATE", *_TABLES.split(";\n"), f"PRAGMA application_id = {APPLICATION_ID}"]
    for step in (*steps, f"PRAGMA user_version = {VERSION}", "COMMIT"):
        db.execute(step)


def is_empty(db: sqlite3.Connection) -> bool:
    """Tell whether nothing was ever stored in it."""
    [count] = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return not count and not pragma(db, "application_id")


def is_whole(db: sqlite3.Connection) -> bool:
    """Look through the file for damage."""
    [found] = db.execute("PRAGMA quick_check(1)").fetchone()
    return bool(found == "ok")


def check(db: sqlite3.Connection) -> None:
    """Pass a sound file of ours.

    Raises:
        OutboxDamaged: it is not sound.
    """
    if not is_whole(db):
        raise OutboxDamaged("the database disk image is malformed")


def pragma(db: sqlite3.Connection, name: str) -> int:
    """Return one of SQLite's numbers."""
    [value] = db.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def tail_of(db: sqlite3.Connection) -> int:
    """Return the highest number an event ever had; it grows for ever."""
    [tail] = db.execute(TAIL).fetchone()
    return int(tail)
