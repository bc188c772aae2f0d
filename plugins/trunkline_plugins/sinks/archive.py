"""Where a rotated file goes: beside it, named by the time, compressed, the oldest deleted.

A crash at any point leaves every line in a readable file, and `tidy`, which every opening and
every rotation begins or ends with, finishes what was begun: then it is in exactly one.
"""

import gzip
import os
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path

from trunkline_plugins.files import MODE

STAMP = "%Y%m%dT%H%M%S.%f"  # sorts by time
STAMP_PATTERN = r"\d{8}T\d{6}\.\d{6}"
COPY_BYTES = 1024 * 1024


def put_aside(path: Path, now: datetime, *, keep: int) -> None:
    """Move `path` out of the way, and tidy up.

    Raises:
        OSError: a step failed; the lines are still there.
    """
    path.rename(_free_name(path, now))
    tidy(path, keep=keep)


def tidy(path: Path, *, keep: int) -> None:
    """Compress the archives of `path` that are not yet, and keep the latest `keep`.

    Raises:
        OSError: a step failed; the lines are still there.
    """
    for archive in archives(path):
        if archive.suffix != ".gz":
            _compress(archive)
    for archive in archives(path)[:-keep]:
        archive.unlink()


def archives(path: Path) -> list[Path]:
    """Return the archives of `path`, the oldest first."""
    name = re.compile(rf"{re.escape(path.stem)}-{STAMP_PATTERN}{re.escape(path.suffix)}(\.gz)?")
    return sorted(each for each in path.parent.iterdir() if name.fullmatch(each.name))


def _free_name(path: Path, now: datetime) -> Path:
    taken = {archive.name.removesuffix(".gz") for archive in archives(path)}
    while True:
        name = f"{path.stem}-{now.strftime(STAMP)}{path.suffix}"
        if name not in taken:
            return path.with_name(name)
        now += timedelta(microseconds=1)


def _compress(archive: Path) -> None:
    """Replace `archive` by its compressed form, which is whole and on the disk once it has its name."""
    packed = archive.with_name(archive.name + ".gz")
    if not packed.exists():
        _pack(archive, packed)
    archive.unlink()


def _pack(archive: Path, packed: Path) -> None:
    part = packed.with_name(packed.name + ".part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with archive.open("rb") as source, os.fdopen(os.open(part, flags, MODE), "wb") as target:
        with gzip.GzipFile(filename="", mode="wb", fileobj=target) as stream:
            shutil.copyfileobj(source, stream, COPY_BYTES)
        target.flush()
        os.fsync(target.fileno())
    part.rename(packed)
