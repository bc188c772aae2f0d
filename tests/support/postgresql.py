"""A PostgreSQL server of the tests' own: its files in a temporary directory, a Unix socket alone.

Debian keeps the programs beside the path; root may not run them, so another user does.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PORT = 5432  # names the socket's file; no port is opened
LIMIT = 60  # s for each program
UNPRIVILEGED = ("postgres", "nobody")
# nothing here must survive a power cut, and the tests wait for every commit
OPTIONS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=20"


def programs() -> Path | None:
    """Return the directory of `initdb` and `pg_ctl`; None where there is no server."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which("initdb")
    if found:
        places.append(Path(found).parent)
    return next((place for place in places if (place / "pg_ctl").exists()), None)


def _user() -> str | None:
    """Return whom root has to become; None for anybody else."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in UNPRIVILEGED if name in names), None)


class Cluster:
    """A running server."""

    def __init__(self, home: Path, directory: Path, user: str | None) -> None:
        self._home = home
        self._bin = directory
        self._user = user

    def dsn(self, database: str = "postgres") -> str:
        """Return where a database is, for libpq."""
        return f"host={self._home} port={PORT} user=trunkline dbname={database}"

    def run(self, program: str, *arguments: str) -> None:
        """Run a program of the server, as its user."""
        command = [str(self._bin / program), *arguments]
        done = subprocess.run(
            command, cwd=self._home, capture_output=True, text=True, timeout=LIMIT, user=self._user
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    def start(self) -> None:
        """Begin to listen."""
        options = f"-k {self._home} -p {PORT} {OPTIONS}"
        log, data = str(self._home / "log"), str(self._home / "data")
        self.run("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """End it; `immediate` is what a crash looks like."""
        self.run("pg_ctl", "stop", "-w", "-m", mode, "-D", str(self._home / "data"))

    def psql(self, database: str, script: str) -> None:
        """Run SQL as its owner would, by psql."""
        arguments: Sequence[str] = (self.dsn(database), "-q", "-v", "ON_ERROR_STOP=1", "-c", script)
        self.run("psql", *arguments)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a server for the scope.

    Raises:
        LookupError: there is none on this machine, or nobody may run it.
    """
    directory, user = programs(), _user()
    if directory is None:
        raise LookupError("no PostgreSQL server: apt-get install postgresql")
    if user is None and os.geteuid() == 0:
        raise LookupError("no user to run PostgreSQL as: root may not")
    # short, because the path of a socket may have 107 characters
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        if user is not None:
            shutil.chown(home, user)
        running = Cluster(home, directory, user)
        running.run("initdb", "-D", str(home / "data"), "-U", "trunkline", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")  # fmt: skip
        running.start()
        try:
            yield running
        finally:
            running.stop("immediate")
    finally:
        shutil.rmtree(home, ignore_errors=True)
