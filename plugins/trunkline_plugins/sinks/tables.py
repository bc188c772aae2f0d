"""The tables of the SQL sinks: the same columns in each; a new version is a further step.

`trunkline schema --sql KIND` prints them. What is there stays readable: steps are only added.
"""

#: For SQLite, which the sink makes and migrates by itself: `{version: its statements}`.
SQLITE_STEPS = {
    1: (
        """\
CREATE TABLE trunkline_events (
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  topic TEXT NOT NULL,
  type TEXT NOT NULL,
  received_at TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  origin TEXT NOT NULL,
  data TEXT NOT NULL
)""",
        "CREATE INDEX trunkline_events_by_topic ON trunkline_events (topic, received_at)",
    )
}
SQLITE_VERSIONS = "CREATE TABLE IF NOT EXISTS trunkline_schema (version INTEGER PRIMARY KEY)"
SQLITE_INSERT = (
    "INSERT INTO trunkline_events (id, topic, type, received_at, epoch, origin, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)


def sqlite_script() -> str:
    """Return all of it as one script for an empty file."""
    statements = [SQLITE_VERSIONS]
    for version, step in SQLITE_STEPS.items():
        statements += [*step, f"INSERT INTO trunkline_schema VALUES ({version})"]  # noqa: S608 - our own number
    return "".join(f"{each};\n" for each in ("BEGIN", *statements, "COMMIT"))


#: For PostgreSQL: run once by whoever may make tables, and again after an update; it may be
#: repeated. The sink itself only reads the version and inserts.
POSTGRESQL_SCRIPT = """\
BEGIN;
CREATE TABLE IF NOT EXISTS trunkline_schema (version integer PRIMARY KEY);
CREATE TABLE IF NOT EXISTS trunkline_events (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  topic text NOT NULL,
  type text NOT NULL,
  received_at timestamptz NOT NULL,
  epoch bigint NOT NULL,
  origin text NOT NULL,
  data jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS trunkline_events_by_topic ON trunkline_events (topic, received_at);
INSERT INTO trunkline_schema VALUES (1) ON CONFLICT DO NOTHING;
COMMIT;
"""
POSTGRESQL_VERSION = 1
POSTGRESQL_INSERT = (
    "INSERT INTO trunkline_events (id, topic, type, received_at, epoch, origin, data)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING"
)
