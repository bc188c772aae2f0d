"""An activity as an event: its fields, and the bounded copy of what the caller gave; pure.

| field | rule |
| --- | --- |
| `at` | plain int, milliseconds since 1970 |
| `name`, `path`, `referrer` | text of at most 128 and 512 characters |
| `value` | a finite number, no bool, magnitude at most 1e15, else absent |
| `metadata` | always an object: at most 64 keys, strings of 1,024, lists of 64, depth 5 |
| `subject`, `session` | at most 128 characters |

The server ends the session for less, so nothing else can be built here (activity A11, A12).
"""

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, cast
from uuid import UUID

import orjson

from trunkline.events import Event, uuid7

TOPIC = "activity"
Kind = Literal["page_view", "action", "conversion", "session_hello"]

NAME_LENGTH = 128
PATH_LENGTH = 512
TEXT_LENGTH = 1024
KEYS = 64
ITEMS = 64
DEPTH = 5
RECORD_BYTES = 32 * 1024  # of the whole, as JSON
BIGGEST_VALUE = 1e15
BIGGEST_INTEGER = 2**53  # beyond it JSON readers lose digits
EARLIEST = 946_684_800.0  # the year 2000; an earlier time is a mistake
LATEST = 86_400.0  # s from now; a later one too
REPLACEMENT = "\ufffd"  # for what the server would lose a row for
_UNSTORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)], REPLACEMENT)


def text(value: str, length: int) -> str:
    """Return `value` without NUL and lone surrogates, cut to `length` characters."""
    value = value[:length]
    if value.isascii() and "\0" not in value:
        return value
    return value.translate(_UNSTORABLE)


def plain(value: object, depth: int = DEPTH) -> Any:
    """Return a bounded copy in JSON's types; anything foreign becomes its class's name (A4).

    Never `str()` of a foreign object, whose text may hold secrets.
    """
    kind = value.__class__  # what callers nearly always give is settled by its class alone
    if kind is str:
        return text(cast("str", value), TEXT_LENGTH)
    if kind is int and -BIGGEST_INTEGER <= cast("int", value) <= BIGGEST_INTEGER:
        return value
    match value:
        case None | bool():
            return value
        case Enum():
            return plain(value.value, depth)
        case str():
            return text(value, TEXT_LENGTH)
        case int():
            return value if abs(value) <= BIGGEST_INTEGER else text(str(value), TEXT_LENGTH)
        case float():
            return value if math.isfinite(value) else None
        case datetime():
            return value.isoformat()
        case UUID() | Decimal():
            return str(value)
        case Mapping() if depth:
            entries = list(value.items())[:KEYS]
            return {
                text(k, NAME_LENGTH): plain(v, depth - 1) for k, v in entries if isinstance(k, str)
            }
        case list() | tuple() | set() | frozenset() if depth:
            return [plain(item, depth - 1) for item in list(value)[:ITEMS]]
        case _:
            return f"[{type(value).__name__}]"


def moment(at: datetime | int | None, wall_time: float) -> int:
    """Return milliseconds since 1970: of `at` where it is credible, else of `wall_time`."""
    if isinstance(at, datetime):
        seconds = at.timestamp() if at.tzinfo is not None else wall_time
    elif isinstance(at, int) and not isinstance(at, bool):
        seconds = at / 1000
    else:
        seconds = wall_time
    if not EARLIEST <= seconds <= wall_time + LATEST:
        seconds = wall_time
    return int(seconds * 1000)


def number(value: object) -> float | None:
    """Return a conversion's value, or None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= BIGGEST_VALUE else None


def build(
    kind: Kind,
    wall_time: float,
    *,
    at: datetime | int | None = None,
    metadata: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Event:
    """Return the event of an activity; fields that are None are left out."""
    data: dict[str, Any] = {"at": moment(at, wall_time), "metadata": plain(metadata or {})}
    for name, value in fields.items():
        if value is None:
            continue
        if isinstance(value, str):
            data[name] = text(value, PATH_LENGTH if name in {"path", "referrer"} else NAME_LENGTH)
        else:
            data[name] = plain(value)
    _fit(data)
    return Event(TOPIC, kind, data, origin="local", received=wall_time, id=uuid7(wall_time))


def size_of(event: Event) -> int:
    """Return the bytes of an activity's data, as JSON."""
    return len(orjson.dumps(dict(event.data)))


def _fit(data: dict[str, Any]) -> None:
    """Take metadata keys out, last first, until the whole is within its limit; name them (A11)."""
    metadata: dict[str, Any] = data["metadata"]
    cut: list[str] = []
    while metadata and len(orjson.dumps(data)) > RECORD_BYTES:
        cut.append(metadata.popitem()[0])
    if cut:
        data["cut"] = cut
