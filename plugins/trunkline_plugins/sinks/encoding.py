"""What the sinks write: an event as a line of JSON, or as a row of a table; pure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

from trunkline import Event, InvalidData

T = TypeVar("T")
#: id, topic, type, received_at (ISO 8601), epoch, origin, data (JSON).
Row = tuple[str, str, str, str, int, str, str]


def encode(events: Sequence[Event], form: Callable[[Event], T]) -> tuple[list[T], dict[int, str]]:
    """Return the events in that form, and why some have none: `{index: reason}`."""
    encoded: list[T] = []
    refused: dict[int, str] = {}
    for index, event in enumerate(events):
        try:
            encoded.append(form(event))
        except InvalidData as exc:
            refused[index] = str(exc)
    return encoded, refused


def line(event: Event) -> str:
    """Return one line of JSON, with its end.

    Raises:
        InvalidData: the event's data is no JSON.
    """
    return event.to_json() + "\n"


def row(event: Event) -> Row:
    """Return the columns of an event.

    Raises:
        InvalidData: the event's data is no JSON.
    """
    try:
        data = orjson.dumps(dict(event.data)).decode()
    except orjson.JSONEncodeError as exc:
        raise InvalidData(f"event {event.id} of topic {event.topic}: {exc}") from None
    received = event.received_at.isoformat()
    return (event.id, event.topic, event.type, received, event.epoch, event.origin, data)
