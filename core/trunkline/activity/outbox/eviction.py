"""Who goes when the outbox is full: the oldest page views and inbound events, then actions.

A newcomer never displaces what is worth more than itself, so a conversion goes only when nothing
but conversions is left: then it is the newest that is refused (activity A23).
"""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import attrs

from trunkline.activity.outbox.rows import ACTION, CONVERSION, PAGE_VIEW, Row
from trunkline.activity.outbox.schema import tail_of


class Victim(NamedTuple):
    """A stored event that goes."""

    seq: int
    topic: str
    type: str
    only_for: str | None
    size: int


@attrs.frozen
class Bounds:
    """How much an outbox holds."""

    events: int
    bytes: int


IN_FILE = Bounds(1_000_000, 256 * 1024 * 1024)
IN_MEMORY = Bounds(10_000, 16 * 1024 * 1024)


@attrs.define
class Eviction:
    """Looks for victims; remembers how far it has looked, so that no row is looked at twice."""

    bounds: Bounds
    _looked_to: dict[int, int] = attrs.Factory(dict)  # {rank: no row of it up to here}

    def choose(
        self, db: sqlite3.Connection, used: Bounds, newcomers: Sequence[Row]
    ) -> tuple[list[Victim], list[Row], list[Row]]:
        """Return which stored events go, which newcomers stay and which do not."""
        excess = used.events + len(newcomers) - self.bounds.events
        excess_bytes = used.bytes + sum(row.size for row in newcomers) - self.bounds.bytes
        victims: list[Victim] = []
        refused: set[int] = set()  # places among the newcomers
        for rank in (PAGE_VIEW, ACTION, CONVERSION):
            if excess <= 0 and excess_bytes <= 0:
                break
            if rank != CONVERSION:
                found = self._oldest(db, rank, excess, excess_bytes)
                victims += found
                excess -= len(found)
                excess_bytes -= sum(victim.size for victim in found)
            places = [place for place, row in enumerate(newcomers) if row.rank == rank]
            for place in reversed(places) if rank == CONVERSION else places:
                if excess <= 0 and excess_bytes <= 0:
                    break
                refused.add(place)
                excess -= 1
                excess_bytes -= newcomers[place].size
        kept = [row for place, row in enumerate(newcomers) if place not in refused]
        return victims, kept, [newcomers[place] for place in sorted(refused)]

    def _oldest(
        self, db: sqlite3.Connection, rank: int, excess: int, excess_bytes: int
    ) -> list[Victim]:
        found: list[Victim] = []
        select = (
            "SELECT seq, topic, type, only_for, size FROM events"
            " WHERE rank = ? AND seq > ? ORDER BY seq"
        )
        for row in db.execute(select, (rank, self._looked_to.get(rank, 0))):
            if len(found) >= excess and excess_bytes <= 0:
                break
            victim = Victim(*row)
            found.append(victim)
            excess_bytes -= victim.size
            self._looked_to[rank] = victim.seq
        else:
            self._looked_to[rank] = tail_of(db)
        return found

    def rolled_back(self) -> None:
        """Look again from the start: what was chosen is still there."""
        self._looked_to.clear()
