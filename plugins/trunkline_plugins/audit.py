"""What was done and by whom: a file that is only ever appended to, one JSON object a line.

A line is on the disk before `record` returns, so that what is recorded before it is done is known
after a crash as well. The file belongs to its owner alone and is never shortened: a line that a
crash has torn is ended, not removed.
"""

import errno
import getpass
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import trio

from trunkline.plugin_api import UserError
from trunkline_plugins.files import APPENDING, MODE, write_all

TAIL = 4 * 1024 * 1024  # bytes, of which a line has some 350


class AuditLog:
    """The lines at `path`; any number of processes may write to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def record(self, action: str, **fields: Any) -> None:
        """Append a line and wait until it is on the disk; a cancel waits for that, too.

        The line has `time` (UTC), `action`, who acted (`user`, `machine`, `pid`), then `fields`,
        which must be JSON.

        Raises:
            UserError: it could not be written; then what it tells of must not be done.
        """
        line = orjson.dumps({"time": datetime.now(UTC), "action": action, **actor(), **fields})
        await trio.to_thread.run_sync(self._append, line + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            with opened(self.path) as fd:
                append(fd, line)
        except OSError as exc:
            raise UserError(
                f"audit log {self.path}: {exc.strerror or exc}; make room, or change the path"
            ) from exc


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open the file for reading and appending; it is made if it is not there.

    Raises:
        OSError: it cannot be, or is no file of its own.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, APPENDING, MODE)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        yield fd
    finally:
        os.close(fd)


def last_lines(path: Path) -> list[Mapping[str, Any]]:
    """Return the lines at the end of the file, the oldest first; torn ones are left out.

    Raises:
        OSError: it cannot be read; that there is none is no error.
    """
    if not path.is_file():
        return []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        return [line for text in file if (line := _line_of(text)) is not None]


def _line_of(text: bytes) -> Mapping[str, Any] | None:
    try:
        line = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return line if isinstance(line, dict) else None


def append(fd: int, line: bytes) -> None:
    """Write a line, with its newline, to the disk; one that a crash has torn is ended first.

    Raises:
        OSError: not all of it is on the disk.
    """
    size = os.fstat(fd).st_size
    is_torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
    write_all(fd, b"\n" + line if is_torn else line)
    os.fsync(fd)


def actor() -> Mapping[str, Any]:
    """Return who acts here: the user of this process, and where it runs."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may have a user without a name
        user = str(os.getuid())
    return {"user": user, "machine": socket.gethostname(), "pid": os.getpid()}
