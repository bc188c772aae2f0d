"""Files that the built-ins write: for their owner alone, through no link, and whole."""

import os
from pathlib import Path

MODE = 0o600
APPENDING = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def write_all(fd: int, data: bytes) -> None:
    """Write all of it.

    Raises:
        OSError: not everything was written.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def is_at(path: Path, file: os.stat_result) -> bool:
    """Tell whether a file still is at its path: nobody has moved or deleted it meanwhile."""
    try:
        return os.path.samestat(os.lstat(path), file)
    except FileNotFoundError:
        return False
