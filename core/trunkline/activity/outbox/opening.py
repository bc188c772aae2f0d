"""Opens the file of an outbox: ours or refused, sound or set aside; nothing is ever deleted.

What no restart can cure is a `ConfigError` (exit 78): a file that is somebody else's, read-only,
or written by a newer version. A damaged file is renamed once what can be read of it stands whole
in another one, which takes its place: whatever ends that before can be tried again.
"""

import errno
import logging
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import attrs

from trunkline.activity.outbox import schema
from trunkline.activity.outbox.database import Database
from trunkline.activity.outbox.failures import OutboxDamaged, OutboxUnavailable, failure
from trunkline.activity.outbox.salvage import PARTS, Salvaged, discard, salvage
from trunkline.errors import ConfigError, Problem

logger = logging.getLogger(__name__)

MODE = 0o600
STAMP = "%Y%m%dT%H%M%S.%f"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_INCURABLE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.EISDIR, errno.ENOTDIR}
)

#: Opens a database; tests give one that fails.
Connect = Callable[[str], sqlite3.Connection]


def connected(place: str) -> sqlite3.Connection:
    """Open a database for use by one thread at a time, whichever; transactions are ours."""
    return sqlite3.connect(place, isolation_level=None, check_same_thread=False)


@attrs.frozen
class Opened:
    """An open outbox."""

    db: sqlite3.Connection
    salvaged: Salvaged | None = None
    """What was lost, where the file was damaged."""


def open_memory(connect: Connect = connected) -> Opened:
    """Make an outbox that ends with the process."""
    db = connect(":memory:")
    schema.prepare(db)
    schema.create(db)
    return Opened(db)


def open_file(path: Path, connect: Connect = connected, *, damage: str | None = None) -> Opened:
    """Open or create the outbox at `path`; its lock is held by the caller.

    `damage` is what is known to be wrong with it, where SQLite itself would find nothing.

    Raises:
        ConfigError: it is not ours to use.
        OutboxUnavailable: it cannot be opened just now.
    """
    whole = path.with_name(path.name + ".salvaged")
    is_unfinished = whole.exists()  # a process was ended while it put that in the file's place
    if damage is None and not is_unfinished:
        _make_ours(path)
        try:
            return Opened(_sound(path, connect))
        except OutboxDamaged as exc:
            damage = str(exc)
    kept = Salvaged() if is_unfinished else _salvaged(path, whole, connect)
    aside = _set_aside(path, whole)
    db = _sound(path, connect)
    [count] = db.execute("SELECT count(*) FROM events").fetchone()
    about = {"source": str(aside), "reason": damage or "found damaged before", "count": count}
    logger.error("outbox.damaged", extra={**about, "dropped": kept.lost_count})
    return Opened(db, kept)


def refused(path: Path, cause: str) -> ConfigError:
    """Return the error for a file that no restart makes usable."""
    return ConfigError([Problem("activity.path", f"{path} {cause}")])


def trouble(path: Path, exc: OSError) -> Exception:
    """Return the error for a file that the system does not give."""
    if exc.errno not in _INCURABLE:
        return failure(exc)
    reason = exc.strerror or type(exc).__name__
    return refused(path, f"cannot be written: {reason}; choose another path")


def _make_ours(path: Path) -> None:
    """Create the file if need be, for its owner alone; nothing there is a link or a stranger's."""
    try:
        _create(path)
    except OSError as exc:
        raise trouble(path, exc) from exc


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in PARTS:
        _check_owner(path.with_name(path.name + part))
    fd = os.open(path, _FLAGS, MODE)
    os.fchmod(fd, MODE)
    os.close(fd)


def _check_owner(path: Path) -> None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise refused(path, "is not a regular file; choose another path")
    if status.st_uid != os.geteuid():
        raise refused(path, "belongs to another user; choose another path")


def _sound(path: Path, connect: Connect) -> sqlite3.Connection:
    """Return an open database of ours.

    Raises:
        ConfigError: it is somebody else's, or a newer version's.
        OutboxDamaged: it is not sound.
        OutboxUnavailable: it cannot be opened just now.
    """
    db: sqlite3.Connection | None = None
    is_ours = False
    try:
        db = connect(str(path))
        schema.prepare(db)
        if schema.is_empty(db):
            schema.create(db)
        _check_ours(path, db)
        schema.check(db)
        is_ours = True
    except sqlite3.Error as exc:
        raise failure(exc) from exc
    finally:
        if db is not None and not is_ours:
            db.close()
    return db


def _check_ours(path: Path, db: sqlite3.Connection) -> None:
    if schema.pragma(db, "application_id") != schema.APPLICATION_ID:
        raise refused(path, "is a database of another program; choose another path")
    written_by = schema.pragma(db, "user_version")
    if written_by > schema.VERSION:
        raise refused(
            path,
            f"was written by a newer version of Trunkline (format {written_by}, this one knows"
            f" {schema.VERSION}); run that one, or choose another path",
        )


def _salvaged(path: Path, whole: Path, connect: Connect) -> Salvaged:
    """Put what is good of the damaged file into a new one, which is named `whole` when it is.

    Raises:
        OutboxUnavailable: not now; the damaged file stands as it was.
    """
    new = path.with_name(path.name + ".new")
    discard(new)
    try:
        _create(new)
        with closing(_sound(new, connect)) as db:
            kept = salvage(path, db, connect)
            if not Database(db).truncated():  # its log is not renamed with it
                raise OutboxUnavailable(f"{new} cannot be written")
        new.rename(whole)
    except (OSError, sqlite3.Error) as exc:
        raise failure(exc) from exc
    finally:
        discard(new)
    return kept


def _set_aside(path: Path, whole: Path) -> Path:
    """Rename the damaged file and what belongs to it, and put `whole` in its place; return the name.

    Where it is ended between two steps, the next start finds `whole` and goes on.
    """
    stamp = datetime.now(UTC).strftime(STAMP)
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    _check_owner(whole)
    try:
        for part in PARTS:
            source = path.with_name(path.name + part)
            if source.exists():
                source.rename(aside.with_name(aside.name + part))
        whole.rename(path)
    except OSError as exc:
        raise OutboxUnavailable(f"{path} cannot be set aside: {exc.strerror}") from exc
    return aside
