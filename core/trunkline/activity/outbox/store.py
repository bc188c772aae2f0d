"""The outbox: what was recorded, until every sink that wants it has had it.

One SQLite database, in a file or in memory. Synchronous, used by one thread at a time. Each
method that writes is one transaction; the tallies change after it is committed, never before.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from trunkline.activity.outbox import dead
from trunkline.activity.outbox.batch import Batch, read_batch
from trunkline.activity.outbox.database import Database
from trunkline.activity.outbox.eviction import Bounds, Eviction, Victim
from trunkline.activity.outbox.opening import Opened
from trunkline.activity.outbox.places import Place
from trunkline.activity.outbox.points import At, nowhere
from trunkline.activity.outbox.register import Register
from trunkline.activity.outbox.rows import Row
from trunkline.activity.outbox.schema import COMMON, TAIL, tail_of

_INSERT = f"INSERT INTO events ({COMMON}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - names of our own columns


class Outbox:
    """An open outbox, and the tallies of its sinks."""

    def __init__(
        self, opened: Opened, bounds: Bounds, register: Register, *, at: At = nowhere
    ) -> None:
        """Count what is there for the sinks of `register`.

        Raises:
            OutboxUnavailable, OutboxDamaged: it cannot be read.
        """
        self._db = Database(opened.db)
        self._at = at
        self._eviction = Eviction(bounds)
        self._removals = 0
        self._register = register
        self._wanting: dict[str, tuple[Place, ...]] = {}  # {topic: who gets it}
        self._used = Bounds(0, 0)
        self._version = 0
        self.tail = 0
        """The number of the last event that was stored."""
        with self._db.writing() as db:
            register.load(db, is_salvaged=opened.salvaged is not None)
        self._recount()
        register.note_carried()

    @property
    def places(self) -> Mapping[str, Place]:
        """{sink: its place}"""
        return self._register.places

    @property
    def used(self) -> Bounds:
        """How much is in it."""
        return self._used

    # in

    def append(self, rows: Sequence[Row]) -> Counter[str]:
        """Store rows that some sink wants; return {type: events that had to go for them}.

        Raises:
            OutboxUnavailable, OutboxDamaged: nothing was stored.
        """
        wanted = [row for row in rows if self._is_wanted(row.topic)]
        if not wanted:
            return Counter()
        if self._register.absent and self._is_full_with(wanted):
            self._release_absent()
            return self.append(rows)
        try:
            with self._db.writing() as db:
                victims, kept, refused = self._eviction.choose(db, self._used, wanted)
                db.executemany("DELETE FROM events WHERE seq = ?", [(v.seq,) for v in victims])
                self._at("insert")
                db.executemany(_INSERT, kept)
                self._at("inserted")
                tail = tail_of(db)
        except BaseException:
            self._eviction.rolled_back()
            raise
        self._at("stored")
        self.tail = tail
        self._removed(victims, evicted=True)
        self._use(len(kept), sum(row.size for row in kept))
        for topic, count in Counter(row.topic for row in kept).items():
            for place in self._wanted_by(topic):
                place.waiting += count
        for row in refused:
            for place in self._wanted_by(row.topic):
                place.evicted[row.type] += 1
        return Counter([*(victim.type for victim in victims), *(row.type for row in refused)])

    def _is_full_with(self, rows: Sequence[Row]) -> bool:
        bounds, used = self._eviction.bounds, self._used
        size = sum(row.size for row in rows)
        return used.events + len(rows) > bounds.events or used.bytes + size > bounds.bytes

    def _release_absent(self) -> None:
        with self._db.writing() as db:
            self._register.release(db)
        self._recount()

    def _is_wanted(self, topic: str) -> bool:
        away = self._register.absent.values()
        return bool(self._wanted_by(topic)) or any(place.wants(topic) for place in away)

    def _wanted_by(self, topic: str) -> tuple[Place, ...]:
        found = self._wanting.get(topic)
        if found is None:
            found = tuple(place for place in self.places.values() if place.wants(topic))
            self._wanting[topic] = found
        return found

    # out

    def read(self, sink: str, limit: int) -> Batch:
        """Return the next events for `sink`, at most `limit` and `BATCH_BYTES`.

        Raises:
            OutboxUnavailable, OutboxDamaged: it cannot be read.
        """
        place = self.places[sink]
        batch = read_batch(self._db, place, limit, self._removals)
        if not batch.seqs:
            place.waiting = 0
        return batch

    def settle(
        self,
        sink: str,
        batch: Batch,
        now: float,
        *,
        dead_letters: Mapping[int, str] | None = None,
        withheld: Collection[int] = (),
    ) -> int:
        """Note that `sink` has nothing left to do for `batch`; return how many old letters went.

        `dead_letters` maps places in the batch to reasons; `withheld` are the places of those that
        it was not given, for want of consent.

        Raises:
            OutboxUnavailable, OutboxDamaged: nothing was noted.
        """
        place = self.places[sink]
        if place.cursor >= batch.seqs[-1]:
            return 0  # it was noted before, though the one who asked did not hear of it
        buried = dict(dead_letters or {})
        attempts = max(1, place.failures if place.suspect == batch.seqs[0] else 1)
        with self._db.writing() as db:
            alive = self._still_there(db, batch)
            # when nothing of anybody's is left, the next may be another's
            account = place.account if place.waiting > len(alive) else None
            buried = {index: why for index, why in buried.items() if batch.seqs[index] in alive}
            for index, reason in buried.items():
                dead.bury(db, sink, batch.seqs[index], reason, attempts, now)
            gone = dead.bound(db) if buried else 0
            self._at("dead")
            db.execute(
                "UPDATE sinks SET cursor = ?, suspect = 0, failures = 0, account = ? WHERE name = ?",
                (batch.seqs[-1], account, sink),
            )
            done = [v for v in batch.victims() if v.seq in alive and self._is_last(place, v)]
            db.executemany("DELETE FROM events WHERE seq = ?", [(victim.seq,) for victim in done])
            self._at("cursor")
        self._at("settled")
        place.cursor, place.suspect, place.failures = batch.seqs[-1], 0, 0
        place.account = account
        self._use(-len(done), -sum(victim.size for victim in done))
        forgotten = sum(batch.seqs[index] in alive for index in withheld)
        place.waiting -= len(alive)
        place.dead += len(buried)
        place.letters += len(buried)
        place.forgotten += forgotten
        place.delivered += len(alive) - len(buried) - forgotten
        if gone:
            self._recount_letters()
        return gone

    def _still_there(self, db: sqlite3.Connection, batch: Batch) -> frozenset[int]:
        """Return the numbers of the batch that nothing has taken out meanwhile."""
        if batch.removals == self._removals:
            return frozenset(batch.seqs)
        select = "SELECT seq FROM events WHERE seq BETWEEN ? AND ?"
        found = {seq for (seq,) in db.execute(select, (batch.seqs[0], batch.seqs[-1]))}
        return frozenset(found.intersection(batch.seqs))

    def _is_last(self, place: Place, victim: Victim) -> bool:
        """Tell whether nobody else needs the event that `place` has had."""
        everybody = (*self.places.values(), *self._register.absent.values())
        return not any(
            other.needs(victim.seq, victim.topic, victim.only_for)
            for other in everybody
            if other is not place
        )

    def failed_alone(self, sink: str, seq: int) -> int:
        """Count a failure of one event that was given to `sink` alone; return how many there were."""
        place = self.places[sink]
        failures = place.failures + 1 if place.suspect == seq else 1
        with self._db.writing() as db:
            update = "UPDATE sinks SET suspect = ?, failures = ? WHERE name = ?"
            db.execute(update, (seq, failures, sink))
        place.suspect, place.failures = seq, failures
        return failures

    def set_account(self, sink: str, account: str | None) -> None:
        """Note whose events `sink` holds."""
        with self._db.writing() as db:
            db.execute("UPDATE sinks SET account = ? WHERE name = ?", (account, sink))
        self.places[sink].account = account

    # away

    def forget(self, subject: str) -> None:
        """Delete every event and dead letter of this subject, so that no byte of them stays."""
        select = "SELECT seq, topic, type, only_for, size FROM events WHERE subject = ?"
        with self._db.writing() as db:
            victims = [Victim(*row) for row in db.execute(select, (subject,))]
            db.execute("DELETE FROM events WHERE subject = ?", (subject,))
            db.execute("DELETE FROM dead WHERE subject = ?", (subject,))
        self._removed(victims, evicted=False)
        self._recount_letters()
        self._at("checkpoint")
        self._db.wipe()

    def _removed(self, victims: Sequence[Victim], *, evicted: bool) -> None:
        """Count what went before its time against the sinks that still needed it."""
        if not victims:
            return
        self._removals += 1
        self._use(-len(victims), -sum(victim.size for victim in victims))
        for victim in victims:
            for place in self.places.values():
                if place.needs(victim.seq, victim.topic, victim.only_for):
                    place.waiting -= 1
                    if evicted:
                        place.evicted[victim.type] += 1
                    else:
                        place.forgotten += 1

    def refresh(self) -> bool:
        """See what a command has changed in the file meanwhile; True if it has."""
        version = self._db.number("PRAGMA data_version")
        if self._db.has_traces:
            self._db.wipe_rest()
        if version == self._version:
            return False
        self._recount()
        return True

    def left(self) -> Mapping[str, Counter[str]]:
        """Return {sink: {type: events that it has not had}}."""
        left: dict[str, Counter[str]] = {}
        for name, place in self.places.items():
            condition, values = place.condition()
            select = (
                f"SELECT type, count(*) FROM events WHERE seq > ? AND {condition} GROUP BY type"  # noqa: S608 - as above
            )
            left[name] = Counter(dict(self._db.rows(select, (place.cursor, *values))))
        return left

    def take_over(self, old: "Outbox") -> None:
        """Go on counting where another store of the same file stopped."""
        self._removals = old._removals + 1  # noqa: SLF001 - another of this class
        for name, place in self.places.items():
            place.take_over(old.places[name])

    def close(self) -> None:
        """Close it; what is in a file stays."""
        self._db.close()

    # tallies

    def _use(self, events: int, size: int) -> None:
        self._used = Bounds(self._used.events + events, self._used.bytes + size)

    def _recount(self) -> None:
        """Count anew what is there; a file of a million events takes a moment."""
        self._version = self._db.number("PRAGMA data_version")
        self.tail = self._db.number(TAIL)
        [used] = self._db.rows("SELECT count(*), coalesce(sum(size), 0) FROM events")
        self._used = Bounds(*used)
        for place in self.places.values():
            condition, values = place.condition()
            select = f"SELECT count(*) FROM events WHERE seq > ? AND {condition}"  # noqa: S608 - as above
            place.waiting = self._db.number(select, (place.cursor, *values))
        self._recount_letters()

    def _recount_letters(self) -> None:
        counts = dict(self._db.rows("SELECT sink, count(*) FROM dead GROUP BY sink"))
        for place in self.places.values():
            place.letters = counts.get(place.key.name, 0)
