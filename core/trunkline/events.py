"""The one record that travels through the house: `Event`, and `Gap` where events may be missing.

An event is made once per message, on the hot path, so everything that not every reader wants is
made when first asked for: the id, the time as a datetime, the typed view. This module never
learns where events come from or go to; the wall time is handed in.
"""

import os
from builtins import type as Class  # the field `type` hides the name
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, TypeVar
from uuid import UUID

import attrs
import orjson

from trunkline.errors import InvalidData
from trunkline.strict import structure
from trunkline.where import Conditions, dig

T = TypeVar("T")

#: How an event got here: from the server now, fetched after a gap, made here, or from a file.
Origin = Literal["live", "backfill", "local", "replay"]

#: Why events may be missing (connection.md §9).
GapCause = Literal["reconnect", "too_large", "overflow"]


def uuid7(wall_time: float) -> str:
    """Return a new UUIDv7 (RFC 9562 §5.7) for `wall_time`, in seconds since 1970."""
    milliseconds = int(wall_time * 1000) & 0xFFFF_FFFF_FFFF
    number = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76  # version 7
    number = number & ~(0x3 << 62) | 0x2 << 62  # RFC variant
    return str(UUID(int=number))


class Unsealed:
    """An event while it is being made: the same slots, which can still be set.

    `Unsealed().sealed(...)` is `Event(...)` in half the time. A frozen class pays for each field
    that it sets, so the fields are set first, and the whole is sealed in one step.
    """

    __slots__ = ("_data", "_id", "_received", "_views", "epoch", "origin", "topic", "type")
    _id: str | None
    _views: dict[Class[Any], Any] | None

    def sealed(
        self,
        topic: str,
        kind: str,
        data: Mapping[str, Any],
        epoch: int,
        origin: Origin,
        received: float,
    ) -> "Event":
        """Become the event of a message that has just come."""
        self.topic = topic
        self.type = kind
        self._data = data
        self.epoch = epoch
        self.origin = origin
        self._received = received
        self._id = self._views = None
        self.__class__ = Event
        return self  # type: ignore[return-value] # what it has become; a cast is a call


@attrs.frozen(eq=False, weakref_slot=False)
class Event(Unsealed):
    """A message after classification, or an activity: who it is for, and what it says.

    Events are compared by identity. `attrs.evolve(event, data=...)` makes a changed copy.
    """

    topic: str
    """The stream it belongs to."""
    type: str
    """The server's word for what happened, or `page_view`, `action`, ... for activity."""
    _data: Mapping[str, Any]
    epoch: int = 0
    """The life of the socket it came through; 0 where it came through none."""
    origin: Origin = "live"
    _received: float = 0.0
    _id: str | None = None
    _views: dict[Class[Any], Any] | None = attrs.field(default=None, init=False, repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        """The whole message, read-only."""
        return MappingProxyType(self._data) if isinstance(self._data, dict) else self._data

    @property
    def id(self) -> str:
        """A UUIDv7, made when first asked for and kept from then on."""
        if self._id is None:
            object.__setattr__(self, "_id", uuid7(self._received))
        return self._id  # type: ignore[return-value] # set just above

    @property
    def received_at(self) -> datetime:
        """When it reached this process, as aware UTC."""
        return datetime.fromtimestamp(self._received, UTC)

    def get(self, path: str, default: Any = None) -> Any:
        """Return what stands at a dotted path (`payload.status`), or `default`."""
        found = self._data.get(path) if "." not in path else dig(self._data, tuple(path.split(".")))
        return default if found is None else found

    def holds_to(self, conditions: Conditions) -> bool:
        """Tell whether all hold for the data, in which `type` is the event's own type."""
        return conditions.holds(judged(self))

    def as_(self, cls: Class[T]) -> T:
        """Return the data as an instance of `cls`, structured once and shared by all who ask.

        Raises:
            InvalidData: the data does not have the shape of `cls`.
        """
        if self._views is None:
            object.__setattr__(self, "_views", {})
        views: dict[Class[Any], Any] = self._views  # type: ignore[assignment] # set just above
        view = views.get(cls)
        if view is None:
            view = views[cls] = structure(self._data, cls)
        return view

    def to_json(self) -> str:
        """Return one line of JSON with every field.

        Raises:
            InvalidData: nested deeper than JSON can be written here (254 levels), or not JSON.
        """
        record = {
            "topic": self.topic,
            "type": self.type,
            "id": self.id,
            "received_at": self.received_at.isoformat(),
            "epoch": self.epoch,
            "origin": self.origin,
            "data": self._data if isinstance(self._data, dict) else dict(self._data),
        }
        try:
            return orjson.dumps(record).decode()
        except orjson.JSONEncodeError as exc:
            raise InvalidData(f"event {self.id} of topic {self.topic}: {exc}") from None


def judged(event: Event) -> Mapping[str, Any]:
    """Return what conditions look into: the data, in which `type` is the event's own type.

    A message of the server's has it there; what is made in this process has it beside the data.
    """
    data = event._data  # noqa: SLF001 - most often it is returned as it is, and at once
    return data if data.get("type") == event.type else {**data, "type": event.type}


@attrs.frozen
class Gap:
    """Stands in a stream, in its place, where events may be missing."""

    topic: str
    cause: GapCause
    since: datetime
    """Aware UTC: the last moment up to which nothing is missing."""
    until: datetime
    """Aware UTC: from here on the stream is whole again."""
    epoch: int
    """The epoch that begins after it, or in which it happened."""
    dropped: int = 0
    """How many events were dropped, where that is known (overflow); else 0."""

    def merge(self, later: "Gap") -> "Gap":
        """Return one gap that covers this and its later neighbour."""
        return attrs.evolve(
            self, until=later.until, epoch=later.epoch, dropped=self.dropped + later.dropped
        )

    def to_json(self) -> str:
        """Return one line of JSON, told from an event by its key `gap`."""
        return orjson.dumps({"gap": attrs.asdict(self)}).decode()
