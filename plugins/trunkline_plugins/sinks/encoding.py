"""What the sinks write: an event or a gap as a line of JSON, or as a row of a table; pure."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID, uuid5

import orjson

from trunkline import Event, Gap, InvalidData

T = TypeVar("T")
#: id, topic, type, received_at (ISO 8601), epoch, origin, data (JSON).
Row = tuple[str, str, str, str, int, str, str]

GAP = "gap"  # the type of a gap's row
_GAPS = UUID("8a6f2f0e-3a53-5b0d-9d5c-6d0c1f7e2b11")  # the namespace of their ids


def encode(
    items: Sequence[Event | Gap], form: Callable[[Event | Gap], T]
) -> tuple[list[T], dict[int, str]]:
    """Return the items in that form, and why some have none: `{index: reason}`."""
    encoded: list[T] = []
    refused: dict[int, str] = {}
    for index, item in enumerate(items):
        try:
            encoded.append(form(item))
        except InvalidData as exc:
            refused[index] = str(exc)
    return encoded, refused


def line(item: Event | Gap) -> str:
    """Return one line of JSON, with its end.

    Raises:
        InvalidData: the event's data is no JSON.
    """
    return item.to_json() + "\n"


def id_of(item: Event | Gap) -> str:
    """Return what tells an item from all others, the same on each try; of a gap, by what it says."""
    return item.id if isinstance(item, Event) else str(uuid5(_GAPS, item.to_json()))


def row(item: Event | Gap) -> Row:
    """Return the columns of an item; a gap is a row of type `gap` at the time where it ends.

    Raises:
        InvalidData: the event's data is no JSON.
    """
    if isinstance(item, Gap):
        until = item.until.isoformat()
        return (id_of(item), item.topic, GAP, until, item.epoch, "local", item.to_json())
    try:
        data = orjson.dumps(dict(item.data)).decode()
    except orjson.JSONEncodeError as exc:
        raise InvalidData(f"event {item.id} of topic {item.topic}: {exc}") from None
    received = item.received_at.isoformat()
    return (item.id, item.topic, item.type, received, item.epoch, item.origin, data)
