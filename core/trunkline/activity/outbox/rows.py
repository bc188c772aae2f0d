"""Rows of the outbox, and the events they stand for."""

from typing import Any, NamedTuple, cast

import orjson

from trunkline.activity.record import NAME_LENGTH, TOPIC, text
from trunkline.activity.staged import Staged
from trunkline.errors import InvalidData
from trunkline.events import Event, Gap, Origin

PAGE_VIEW, ACTION, CONVERSION = range(3)
#: {type of an activity: who goes first when the outbox is full}; inbound events go with page views
RANKS = {"page_view": PAGE_VIEW, "action": ACTION, "conversion": CONVERSION}
ROW_BYTES = 128  # what a row takes beside its data
GAP = "gap"


class Row(NamedTuple):
    """One event to be stored; the fields are those of `schema.COMMON`."""

    id: str
    topic: str
    type: str
    origin: str
    epoch: int
    received: float
    subject: str | None
    rank: int
    size: int
    data: bytes


def activity_row(staged: Staged) -> Row:
    """Return the row of a record that has passed the stages."""
    id_, kind, wall_time, subject, data = staged
    rank = RANKS.get(kind, PAGE_VIEW)
    size = ROW_BYTES + len(data)
    return Row(id_, TOPIC, kind, "local", 0, wall_time, subject, rank, size, data)


def inbound_row(event: Event) -> Row:
    """Return the row of a routed event; its type without what no store takes, and no longer than a name.

    Raises:
        InvalidData: it cannot be written as JSON.
    """
    try:
        data = orjson.dumps(dict(event.data))
    except orjson.JSONEncodeError as exc:
        raise InvalidData(f"event {event.id} of topic {event.topic}: {exc}") from None
    received = event.received_at.timestamp()
    kind = text(event.type, NAME_LENGTH)
    about = (event.id, event.topic, kind, event.origin, event.epoch, received)
    return Row(*about, None, PAGE_VIEW, ROW_BYTES + len(data), data)


def gap_event(gap: Gap) -> Event:
    """Return a gap as an event of its topic, for sinks take nothing else (A25)."""
    data = {
        "cause": gap.cause,
        "since": gap.since.isoformat(),
        "until": gap.until.isoformat(),
        "dropped": gap.dropped,
    }
    return Event(gap.topic, GAP, data, gap.epoch, received=gap.until.timestamp())


def stored_event(common: tuple[Any, ...]) -> Event:
    """Return the event of a row; `common` are its columns as `schema.COMMON` names them."""
    id_, topic, kind, origin, epoch, received, _, _, _, data = common
    return Event(topic, kind, orjson.loads(data), epoch, cast("Origin", origin), received, id_)
