"""An activity's fields, and the limits that the wire sets for them; pure (activity A11, A12).

| field | rule |
| --- | --- |
| `at` | plain int, milliseconds since 1970 |
| `name`, `path`, `referrer` | text of at most 128 and 512 characters |
| `value` | a finite number, no bool, magnitude at most 1e15, else absent; `Decimal` and NumPy's become a float |
| `metadata` | always an object: at most 64 keys, strings of 1,024, lists of 64, depth 5 |
| `subject`, `session` | at most 128 characters |
| `context` | what the host knows of the moment: at most five texts of 128 characters |
| `cut` | the names of what a limit has changed |

The server ends the session for less, so nothing else can be built here. A limit never drops a
record. What comes in are JSON's own types: a copy that `copying.py` has made.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from numbers import Real
from typing import Any, Literal

import orjson

TOPIC = "activity"
Kind = Literal["page_view", "action", "conversion", "session_hello"]
#: The one metadata key that is ours on the wire; a caller's key of that name is cut.
OWN_KEY = "_trunkline"

NAME_LENGTH = 128
TEXT_LENGTH = 1024
KEYS = 64
ITEMS = 64
DEPTH = 5
RECORD_BYTES = 32 * 1024  # of the whole, as JSON
CUTS = 64  # names of what was cut; beyond that the first ones tell enough
BIGGEST_VALUE = 1e15
BIGGEST_INTEGER = 2**53  # beyond it JSON readers lose digits
EARLIEST = 946_684_800.0  # the year 2000; an earlier time is a mistake
LATEST = 86_400.0  # s from now; a later one too
PLAIN = frozenset({int, float})  # what JSON writes as a number
REPLACEMENT = "\ufffd"  # for what the server would lose a row for

#: {field: characters}
TEXTS: Mapping[str, int] = {
    "name": NAME_LENGTH, "path": 512, "referrer": 512, "subject": NAME_LENGTH, "session": NAME_LENGTH,
}  # fmt: skip
#: {metadata key: characters} where the server keeps less than of others
SHORT_KEYS: Mapping[str, int] = {"element": 128, "text": 256}
SHORT = min(SHORT_KEYS.values())  # what fits under any key
_UNSTORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)], REPLACEMENT)


def moment(at: datetime | int | None, wall_time: float) -> int:
    """Return milliseconds since 1970: of `at` where it is credible, else of `wall_time`."""
    if at is None:
        return int(wall_time * 1000)
    seconds = wall_time
    if isinstance(at, datetime):
        seconds = at.timestamp() if at.tzinfo is not None else wall_time
    elif isinstance(at, int) and not isinstance(at, bool) and abs(at) <= BIGGEST_INTEGER:
        seconds = at / 1000
    if not EARLIEST <= seconds <= wall_time + LATEST:
        seconds = wall_time
    return int(seconds * 1000)


def number(value: object) -> float | None:
    """Return a conversion's value as a plain number, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    try:
        plain: Any = value if value.__class__ in PLAIN else float(value)
    except Exception:  # noqa: BLE001 - a caller's own number may raise anything
        return None
    return plain if abs(plain) <= BIGGEST_VALUE else None


def text(value: str, length: int) -> str:
    """Return `value` without NUL and lone surrogates, cut to `length` characters."""
    value = value[:length]
    return value if _is_storable(value) else value.translate(_UNSTORABLE)


def fitted(given: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the fields of a record within their limits, and the same as JSON.

    Fields that are none of a record's are left out, like those that are None.
    """
    cut: list[str] = []
    metadata: Any = given.get("metadata")
    data: dict[str, Any] = {
        "at": given["at"],
        "metadata": _metadata(metadata, cut) if isinstance(metadata, dict) else {},
    }
    for name, length in TEXTS.items():
        value = given.get(name)
        if isinstance(value, str):
            data[name] = kept = text(value, length)
            if kept != value:
                cut.append(name)
    if (worth := number(given.get("value"))) is not None:
        data["value"] = worth
    if context := given.get("context"):
        data["context"] = context
    return _within_bytes(data, cut)


def _is_storable(value: str) -> bool:
    if "\0" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def _metadata(given: dict[str, Any], cut: list[str]) -> dict[str, Any]:
    fit: dict[str, Any] = {}
    for key, value in given.items():
        if len(fit) == KEYS or key == OWN_KEY:
            cut.append(_named(key))
            continue
        kind = value.__class__
        if kind is str:
            if len(value) > SHORT or not value.isascii() or "\0" in value:
                value = _text(key, value, SHORT_KEYS.get(key, TEXT_LENGTH), cut)
        elif kind is int:
            if not -BIGGEST_INTEGER <= value <= BIGGEST_INTEGER:
                value = _digits(value)
        elif kind is float:
            if not math.isfinite(value):
                value = None
                cut.append(_named(key))
        elif value is not None and kind is not bool:
            value = _nested(key, value, DEPTH - 1, cut)
        if len(key) > NAME_LENGTH or not key.isascii() or "\0" in key:
            key = _key(key, cut)
        fit[key] = value
    return fit


def _named(key: str) -> str:
    """Return how a key of the metadata is called in the list of what was cut."""
    return f"metadata.{text(key, NAME_LENGTH)}"


def _key(key: str, cut: list[str]) -> str:
    kept = text(key, NAME_LENGTH)
    if kept != key:
        cut.append(f"metadata.{kept}")
    return kept


def _text(key: str, value: str, length: int, cut: list[str]) -> str:
    if len(value) <= length and _is_storable(value):
        return value
    cut.append(_named(key))
    return text(value, length)


def _digits(value: int) -> str:
    """Return a long integer as text; beyond 4,300 digits Python refuses to write it."""
    try:
        return text(str(value), TEXT_LENGTH)
    except ValueError:
        return "[int]"


def _nested(key: str, value: Any, depth: int, cut: list[str]) -> Any:
    """Return what stands at a top-level `key`; whatever is cut in it is named by that key."""
    before = len(cut)
    fit = _inner(value, depth, cut, key)
    del cut[before + 1 :]
    return fit


def _inner(value: Any, depth: int, cut: list[str], key: str) -> Any:
    if isinstance(value, dict):
        if depth <= 0:
            cut.append(_named(key))
            return "[dict]"
        if len(value) > KEYS:
            cut.append(_named(key))
        entries = list(value.items())[:KEYS]
        return {text(k, NAME_LENGTH): _inner(v, depth - 1, cut, key) for k, v in entries}
    if isinstance(value, list):
        if depth <= 0:
            cut.append(_named(key))
            return "[list]"
        if len(value) > ITEMS:
            cut.append(_named(key))
        return [_inner(item, depth - 1, cut, key) for item in value[:ITEMS]]
    if isinstance(value, str):
        return _text(key, value, TEXT_LENGTH, cut)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > BIGGEST_INTEGER:
        return _digits(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _within_bytes(data: dict[str, Any], cut: list[str]) -> tuple[dict[str, Any], bytes]:
    """Take metadata keys out, last first, until the whole is within its limit; name them (A11)."""
    if cut:
        data["cut"] = cut[:CUTS]
    body = orjson.dumps(data)
    metadata: dict[str, Any] = data["metadata"]
    while len(body) > RECORD_BYTES and metadata:
        cut.append(f"metadata.{metadata.popitem()[0]}")
        data["cut"] = cut[:CUTS]
        body = orjson.dumps(data)
    return data, body
