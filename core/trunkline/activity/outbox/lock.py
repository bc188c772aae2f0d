"""One host per file: a lock beside it, which ends with the process and names its holder.

A lock of the process, not of the descriptor: a forked child does not inherit it, so it cannot
keep it alive after its parent.
"""

import fcntl
import os
from pathlib import Path

from trunkline.activity.outbox.failures import OutboxLocked

MODE = 0o600
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_HELD: set[tuple[int, int, int]] = set()  # (process, device, inode): a fork copies it, and no lock


class FileLock:
    """Held from `acquire` to `release`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._key = (0, 0, 0)

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            OutboxLocked: somebody has it; the text names the process.
            OSError: there can be no such file.
        """
        # looked up by name: closing a second descriptor of the file would end a lock we hold
        if self._path.exists() and self._identity(self._path.stat()) in _HELD:
            raise self._taken(str(os.getpid()))
        fd = os.open(self._path, _FLAGS, MODE)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
            os.close(fd)
            raise self._taken(holder or "unknown") from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._fd, self._key = fd, self._identity(os.fstat(fd))
        _HELD.add(self._key)

    def release(self) -> None:
        """Give the lock back; the file stays, for deleting it would let two hold it."""
        if self._fd is not None:
            _HELD.discard(self._key)
            os.close(self._fd)
            self._fd = None

    def _taken(self, pid: str) -> OutboxLocked:
        store = self._path.name.removesuffix(".lock")
        return OutboxLocked(
            f"{self._path.with_name(store)} is in use by another host, pid {pid}; stop that one,"
            " or give this one another `[activity] path`"
        )

    @staticmethod
    def _identity(status: os.stat_result) -> tuple[int, int, int]:
        return os.getpid(), status.st_dev, status.st_ino
