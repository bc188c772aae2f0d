"""A file of lines that is appended to, repaired, and put aside when it is large or a day old.

Synchronous: its user calls it in one worker thread at a time. It is never opened through a
symbolic link, and belongs to the owner alone.
"""

import errno
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from trunkline_plugins.files import APPENDING, MODE, is_at, write_all
from trunkline_plugins.sinks.archive import put_aside, tidy

MAX_BYTES = 100 * 1024 * 1024
KEEP = 14  # archives; two weeks of days
LONGEST_LINE = 64 * 1024 * 1024  # bytes; far beyond the largest message
BLOCK = 64 * 1024  # bytes read at once when looking for the last line


def utc_now() -> datetime:
    """Return the wall time."""
    return datetime.now(UTC)


class RotatingFile:
    """Lines at `path`; the archives lie beside it."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = MAX_BYTES,
        keep: int = KEEP,
        fsync: bool = False,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._fsync = fsync
        self._now = now
        self._fd: int | None = None

    def open(self) -> None:
        """Open or create the file, and repair its last line where a crash has torn it.

        Raises:
            OSError: it cannot be, or what is there is not ours.
        """
        self._opened()

    def close(self) -> None:
        """Close the file; the next `append` opens it again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def append(self, lines: bytes) -> None:
        """Write whole lines, after rotating where that is due.

        Raises:
            OSError: not everything was written; what was torn is repaired by the next call.
        """
        if not lines:
            return
        try:
            fd = self._opened()
            if self._is_due(fd, len(lines)):
                self.close()
                put_aside(self.path, self._now(), keep=self._keep)
                fd = self._opened()
            write_all(fd, lines)
            if self._fsync:
                os.fsync(fd)
        except OSError:
            self.close()
            raise

    def _opened(self) -> int:
        """Return a descriptor of the file that is at the path now."""
        if self._fd is not None and not is_at(self.path, os.fstat(self._fd)):
            self.close()
        if self._fd is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            tidy(self.path, keep=self._keep)  # a crash may have cut the last rotation short
            self._fd = os.open(self.path, APPENDING, MODE)
            try:
                _repair(self._fd, self.path)
            except OSError:
                self.close()
                raise
        return self._fd

    def _is_due(self, fd: int, byte_count: int) -> bool:
        status = os.fstat(fd)
        if status.st_size == 0:
            return False
        written = datetime.fromtimestamp(status.st_mtime, UTC)
        is_full = status.st_size + byte_count > self._max_bytes
        return is_full or written.date() != self._now().date()


def _repair(fd: int, path: Path) -> None:
    """End the last line: with a newline where it is whole, else by cutting it off."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file; choose another path", str(path))
    size = status.st_size
    if size == 0:
        return
    if os.pread(fd, 1, 0) != b"{":  # a wrong path in a config must not cost anybody a file
        raise OSError(errno.EINVAL, "holds something else; choose another path", str(path))
    start = _last_line_start(fd, size)
    if start == size:
        return
    if _is_whole(fd, start, size):
        os.write(fd, b"\n")
    else:
        os.ftruncate(fd, start)


def _is_whole(fd: int, start: int, end: int) -> bool:
    """Tell whether a line without an end is JSON; one that is longer than any of ours is not read."""
    if end - start > LONGEST_LINE:
        return False
    try:
        json.loads(os.pread(fd, end - start, start))
    except ValueError:
        return False
    return True


def _last_line_start(fd: int, size: int) -> int:
    """Return where what follows the last newline begins."""
    end = size
    while end > 0:
        start = max(0, end - BLOCK)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
