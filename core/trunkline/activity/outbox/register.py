"""Which sinks the outbox keeps events for: those of this run, and those that are only away.

A new sink begins with what is recorded from now on. One that its plugin registers no more is
removed, and holds nothing. One whose plugin does not run this time (switched off, broken) keeps
its place, until the outbox is full: then its events go first.
"""

import logging
import sqlite3
from collections.abc import Collection, Sequence

import orjson

from trunkline.activity.outbox.places import Place, SinkKey
from trunkline.activity.outbox.schema import PLACE, tail_of

logger = logging.getLogger(__name__)

_SAVE = f"INSERT OR REPLACE INTO sinks ({PLACE}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - names of our own columns


class Register:
    """The places of all sinks, read from the file and written to it."""

    def __init__(self, sinks: Sequence[SinkKey], away: Collection[str] = ()) -> None:
        """`sinks` are those of this run, `away` the plugins that do not run but may again."""
        self._sinks = sinks
        self._away = frozenset(away)
        self.places: dict[str, Place] = {}  # {sink: its place}
        self.absent: dict[str, Place] = {}  # {sink of a plugin that is away: its place}

    def load(self, db: sqlite3.Connection, *, is_salvaged: bool) -> None:
        """Read the places and settle who is new, gone or away; within a transaction.

        In a salvaged file the places may be lost: then a sink begins with all that was kept.
        """
        kept = {}
        for name, owner, topics, *rest in db.execute(f"SELECT {PLACE} FROM sinks"):  # noqa: S608 - names of our own columns
            kept[name] = Place(SinkKey(name, owner, tuple(orjson.loads(topics))), *rest)
        tail = tail_of(db)
        for key in self._sinks:
            known = kept.pop(key.name, None)
            place = known or Place(key, 0 if is_salvaged else tail)
            place.key = key
            self.places[key.name] = place
            self._save(db, place)
        for name, place in kept.items():
            if place.key.owner in self._away:
                self.absent[name] = place
            else:
                self._remove(db, place, "no longer registered")
        self._sweep(db)

    def release(self, db: sqlite3.Connection) -> None:
        """Give up the places of those that are away; within a transaction."""
        for place in self.absent.values():
            self._remove(db, place, "its plugin does not run, and the outbox is full")
        self.absent.clear()
        self._sweep(db)

    def note_carried(self) -> None:
        """Remember what waited at the start."""
        for place in self.places.values():
            place.carried = place.waiting
            if not place.waiting:
                place.account = None  # nothing of anybody's is left

    def _save(self, db: sqlite3.Connection, place: Place) -> None:
        key = place.key
        values = (key.name, key.owner, orjson.dumps(key.topics).decode(), place.cursor)
        rest = (place.suspect, place.failures, place.account)
        db.execute(_SAVE, (*values, *rest))

    def _remove(self, db: sqlite3.Connection, place: Place, why: str) -> None:
        condition, values = place.condition()
        select = f"SELECT count(*) FROM events WHERE seq > ? AND {condition}"  # noqa: S608 - as above
        [waiting] = db.execute(select, (place.cursor, *values)).fetchone()
        db.execute("DELETE FROM sinks WHERE name = ?", (place.key.name,))
        about = {"sink": place.key.name, "reason": why, "dropped": waiting}
        logger.warning("sink.removed", extra=about)

    def _sweep(self, db: sqlite3.Connection) -> None:
        """Delete what nobody needs any more."""
        everybody = (*self.places.values(), *self.absent.values())
        needed, values = ["FALSE"], []
        for place in everybody:
            condition, parameters = place.condition()
            needed.append(f"(seq > ? AND {condition})")
            values += [place.cursor, *parameters]
        db.execute(f"DELETE FROM events WHERE NOT ({' OR '.join(needed)})", values)  # noqa: S608 - as above
