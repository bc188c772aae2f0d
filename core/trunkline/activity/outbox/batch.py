"""What one sink is to get next: read anew for every try, so that nothing forgotten is delivered."""

from collections.abc import Iterator
from typing import Any

import attrs
import orjson

from trunkline.activity.outbox.database import Database
from trunkline.activity.outbox.eviction import Victim
from trunkline.activity.outbox.failures import OutboxDamaged
from trunkline.activity.outbox.places import Place
from trunkline.activity.outbox.rows import stored_event
from trunkline.activity.outbox.schema import COMMON
from trunkline.events import Event

BATCH_BYTES = 1024 * 1024  # a batch ends before it would be larger
_SIZE = COMMON.split(", ").index("size")


@attrs.frozen
class Batch:
    """Events in order, with what the store knows of each."""

    seqs: tuple[int, ...]
    events: tuple[Event, ...]
    sizes: tuple[int, ...]
    only_for: tuple[str | None, ...]
    removals: int
    """How often anything had been taken out of the outbox before its time."""

    def victims(self) -> Iterator[Victim]:
        """Yield its events as those that may be deleted."""
        for seq, event, only, size in zip(
            self.seqs, self.events, self.only_for, self.sizes, strict=True
        ):
            yield Victim(seq, event.topic, event.type, only, size)


def read_batch(db: Database, place: Place, limit: int, removals: int) -> Batch:
    """Return the next events for a place, at most `limit` and `BATCH_BYTES`, but one at least.

    Raises:
        OutboxUnavailable, OutboxDamaged: they cannot be read.
    """
    condition, values = place.condition()
    select = f"SELECT seq, only_for, {COMMON} FROM events WHERE seq > ? AND {condition} ORDER BY seq LIMIT ?"  # noqa: S608 - names of our own columns
    seqs: list[int] = []
    only_for: list[str | None] = []
    events: list[Event] = []
    sizes: list[int] = []
    total = 0
    for seq, only, *common in db.rows(select, (place.cursor, *values, limit)):
        size = common[_SIZE]
        total += size
        if seqs and total > BATCH_BYTES:
            break
        seqs.append(seq)
        only_for.append(only)
        sizes.append(size)
        events.append(_event(seq, tuple(common)))
    return Batch(tuple(seqs), tuple(events), tuple(sizes), tuple(only_for), removals)


def _event(seq: int, common: tuple[Any, ...]) -> Event:
    try:
        return stored_event(common)
    except orjson.JSONDecodeError as exc:  # a flipped bit that SQLite does not see
        raise OutboxDamaged(f"event {seq} cannot be read") from exc
