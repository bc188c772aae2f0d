"""What becomes of an `activity` message (protocol §8); pure.

The server stores a row and pushes it, stays silent where it cannot, and ends the session where
it stumbles. Which of the three, was recorded case by case.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from trunkline.simulator.wire import Fatal

EVENT_LIMIT = 50  # characters; a longer name is lost, all other text is cut
PATH_LIMIT = 512
NAME_LIMIT = 128
TEXT_LIMIT = 256

#: What `session_hello` and every unknown event leave out of their data.
NOT_DATA = frozenset({"event", "timestamp", "metadata"})


class NotStored(Exception):
    """The database refuses the row; the sender hears nothing."""


@attrs.frozen(kw_only=True)
class Activity:
    """One row of the table `event`, without the columns that come from the session."""

    event_type: str
    timestamp: float
    """Seconds since 1970."""
    path: str | None = None
    referrer: str | None = None
    action: str | None = None
    element: str | None = None
    element_text: str | None = None
    conversion_event: str | None = None
    conversion_value: float | None = None
    event_data: Any = None


def read_activity(message: Mapping[str, Any], now: float) -> Activity | None:
    """Return the row for a message; None where there is none. `now` is seconds since 1970.

    Raises:
        Fatal: the session ends.
    """
    event = message.get("event")
    if not event:
        return None
    timestamp = _timestamp(message.get("timestamp"), now)
    try:
        return Activity(timestamp=timestamp, **_columns(event, message))
    except NotStored:
        return None


def _columns(event: object, message: Mapping[str, Any]) -> dict[str, Any]:
    metadata = message.get("metadata", {})
    columns: dict[str, Any] = {"event_type": _event_type(event)}
    match event:
        case "page_view":
            referrer = message.get("referrer") or _mapping(metadata).get("referrer")
            columns["path"] = _text(message.get("path"), PATH_LIMIT)
            columns["referrer"] = _text(referrer, PATH_LIMIT)
            columns["event_data"] = as_jsonb(metadata)
        case "action":
            columns["action"] = _text(message.get("action"), NAME_LIMIT)
            columns["element"] = _text(_mapping(metadata).get("element"), NAME_LIMIT)
            columns["element_text"] = _text(metadata.get("text"), TEXT_LIMIT)
            columns["event_data"] = as_jsonb(metadata)
        case "conversion":
            columns["conversion_event"] = _text(message.get("conversion_event"), NAME_LIMIT)
            columns["conversion_value"] = _number(message.get("value"))
            columns["event_data"] = as_jsonb(metadata)
        case _:
            rest = {key: value for key, value in message.items() if key not in NOT_DATA}
            columns["event_data"] = as_jsonb(rest)
    return columns


def _event_type(event: object) -> str:
    if isinstance(event, dict) or len(str(event)) > EVENT_LIMIT:
        raise NotStored
    return _storable(str(event))


def _timestamp(value: object, now: float) -> float:
    """Milliseconds or ISO 8601; what is merely wrong becomes the server's time (§8)."""
    match value:
        case None:
            return now
        case int():
            try:
                moment = datetime.fromtimestamp(value / 1000, UTC)
            except ValueError:
                return now
            except OverflowError as exc:
                raise Fatal("a timestamp beyond any clock") from exc
            return moment.timestamp() if value else now
        case str():
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return now
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        case _:
            raise Fatal("a timestamp that is no integer and no text")


def _mapping(metadata: object) -> Mapping[str, Any]:
    if not isinstance(metadata, dict):
        raise Fatal("metadata that is no object")
    return metadata


def _text(value: object, limit: int) -> str | None:
    return None if value is None else _storable(str(value)[:limit])


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        raise NotStored from None


def _storable(text: str) -> str:
    """The database takes neither NUL nor half a character."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise NotStored
    return text


def as_jsonb(value: Any) -> Any:
    """Return `value` as it comes back from a JSONB column: keys by length, then by bytes.

    Raises:
        NotStored: it holds what the column cannot.
    """
    match value:
        case dict():
            keys = sorted(value, key=lambda key: (len(_storable(key).encode()), key.encode()))
            return {key: as_jsonb(value[key]) for key in keys}
        case list():
            return [as_jsonb(item) for item in value]
        case str():
            return _storable(value)
        case float() if not math.isfinite(value):
            raise NotStored
        case _:
            return value
