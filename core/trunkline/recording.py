"""Recorded traffic: frames as they arrived, with their times, as JSON lines, plain or gzip.

| line | holds |
| --- | --- |
| `{"trunkline_recording": 1, "url": …}` | the first one: the version of this format, and the server |
| `{"at": …, "epoch": …, "frame": …}` | one frame: seconds since 1970, the socket it came through, its text |
| `{"at": …, "gap": …}` | events may be missing here: the fields of a `Gap` |

Only what arrives is recorded, never what leaves: no token ever stands in a recording (S4).
"""

import gzip
import itertools
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import attrs
import orjson

from trunkline.errors import InvalidData, UserError
from trunkline.events import Gap
from trunkline.strict import structure

VERSION = 1
GZIP_MAGIC = b"\x1f\x8b"
LINE_LIMIT = 64 * 1024 * 1024  # bytes; a frame has at most 4 MiB by default, and JSON may escape it


@attrs.frozen
class RecordedFrame:
    """One frame of a recording."""

    at: float
    """When it arrived: seconds since 1970."""
    epoch: int
    text: str


@attrs.frozen
class RecordedGap:
    """A place in a recording where events may be missing."""

    at: float
    gap: Gap


Recorded = RecordedFrame | RecordedGap


def header(url: str) -> bytes:
    """Return the first line."""
    return _line({"trunkline_recording": VERSION, "url": url})


def frame_line(payload: bytes, epoch: int, at: float) -> bytes:
    """Return the line of a frame."""
    return _line({"at": round(at, 6), "epoch": epoch, "frame": payload.decode("utf-8", "replace")})


def gap_line(gap: Gap, at: float) -> bytes:
    """Return the line of a gap."""
    return _line({"at": round(at, 6), "gap": attrs.asdict(gap)})


def _line(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


@contextmanager
def created(path: Path, *, replace: bool = False) -> Iterator[IO[bytes]]:
    """Open a new recording for its owner alone; gzip if the name ends in `.gz`.

    Raises:
        UserError: it exists already, or cannot be made, or (from the body) be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if replace else os.O_EXCL)
    try:
        file = os.open(path, flags, 0o600)
    except FileExistsError:
        raise UserError(f"{path} exists; choose another name, or --force") from None
    except OSError as exc:
        raise UserError(f"{path} cannot be written: {exc.strerror}") from exc
    try:
        with os.fdopen(file, "wb") as plain:
            if path.suffix != ".gz":
                yield plain
                return
            with gzip.GzipFile(fileobj=plain, mode="wb", filename="") as packed:
                yield cast("IO[bytes]", packed)
    except OSError as exc:
        raise UserError(f"{path} cannot be written: {exc.strerror}; it ends in the midst") from exc


def read(path: Path) -> Iterator[Recorded]:
    """Yield what was recorded, in order.

    Raises:
        UserError: the file cannot be read, or is torn or foreign from the named line on.
    """
    try:
        with path.open("rb") as plain:
            is_packed = plain.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        with gzip.open(path) if is_packed else path.open("rb") as lines:
            yield from _records(path, cast("IO[bytes]", lines))
    except OSError as exc:
        raise UserError(f"{path}: {exc.strerror or exc}") from exc


def _records(path: Path, lines: IO[bytes]) -> Iterator[Recorded]:
    for number in itertools.count(1):
        where = f"{path}:{number}"
        try:
            line = lines.readline(LINE_LIMIT)
        except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
            raise UserError(f"{where}: the file is torn here: {exc}") from exc
        if not line and number > 1:
            return
        record = _decoded(where, line)
        if number == 1:
            _check_header(where, record)
        else:
            yield _recorded(where, record)


def _decoded(where: str, line: bytes) -> Any:
    if line and not line.endswith(b"\n"):
        raise UserError(f"{where}: the file is torn here: the line has no end")
    try:
        return orjson.loads(line or b"null")
    except orjson.JSONDecodeError as exc:
        raise UserError(f"{where}: not JSON: {exc}") from None


def _check_header(where: str, record: Any) -> None:
    match record:
        case {"trunkline_recording": int() as version}:
            if version != VERSION:
                raise UserError(f"{where}: format {version}; this program reads {VERSION}")
        case _:
            raise UserError(f"{where}: not made by `trunkline record`")


def _recorded(where: str, record: Any) -> Recorded:
    match record:
        case {"at": int() | float() as at, "epoch": int() as epoch, "frame": str() as text}:
            return RecordedFrame(at, epoch, text)
        case {"at": int() | float() as at, "gap": dict() as gap}:
            try:
                return RecordedGap(at, structure(gap, Gap))
            except InvalidData as exc:
                raise UserError(f"{where}: {exc}") from None
    raise UserError(f"{where}: not made by `trunkline record`")
