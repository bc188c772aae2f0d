"""Judges what subscribers saw (B1, B2): one walk through each stream, beside what was sent."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import attrs

from trunkline.simulator.ledger.records import (
    Breach,
    Delivered,
    Ended,
    GapSeen,
    Item,
    Sent,
    Streams,
    Subscribed,
    shown,
)


def judge_streams(streams: Streams, tally: Counter[str]) -> Iterator[Breach]:
    """Yield what is wrong, subscription by subscription; count what is right."""
    begin = streams.first_ready or 0
    for name, items in streams.items.items():
        subscription = streams.subscribed.get(name)
        if subscription is None:
            yield "B2", f"{name} was never subscribed", shown(name, items)
            continue
        since = max(begin, subscription.number)
        wanted = [each for each in streams.sent if subscription.wants(each.topic)]
        promised = [each for each in wanted if each.number > since]
        yield from _Walk(subscription, wanted, promised, tally).through(items)


@attrs.define
class _Walk:
    """The state of one walk: how far in what was sent, and what has come since."""

    subscription: Subscribed
    wanted: Sequence[Sent]
    promised: Sequence[Sent]
    tally: Counter[str]
    place: int = 0  # in `promised`: everything before it is accounted for
    epoch: int = 0
    gaps: list[GapSeen] = attrs.Factory(list)  # since the last delivery
    last: Item | None = None
    is_ended: bool = False

    def through(self, items: Sequence[Item]) -> Iterator[Breach]:
        places = {each.id: place for place, each in enumerate(self.promised)}
        known = {each.id for each in self.wanted}
        for item in items:
            if self.is_ended and not isinstance(item, Ended):
                yield self._breach("B2", "it went on after its end", self.last, item)
                return
            match item:
                case Ended():
                    self.is_ended = True
                case GapSeen():
                    self.gaps.append(item)
                    self.tally["gaps"] += 1
                case Delivered(origin="backfill"):
                    self.tally["backfilled"] += 1
                    continue  # beside the live ones, in no promised order
                case Delivered():
                    breach = self._live(item, places, known)
                    if breach is not None:
                        yield breach
                        return
            self.last = item
        if not self.is_ended:
            yield from self._rest()

    def _live(
        self, item: Delivered, places: Mapping[object, int], known: set[object]
    ) -> Breach | None:
        """Account for everything up to a live event."""
        self.tally["delivered"] += 1
        if not self.subscription.wants(item.topic) or item.id not in known:
            return self._breach("B2", "an event of another topic", item)
        if item.epoch < self.epoch:
            return self._breach("B2", "an event of an older socket", self.last, item)
        self.epoch = item.epoch
        place = places.get(item.id)
        if place is None:
            return None  # sent before anything was promised, and delivered all the same
        if place < self.place:
            return self._breach("B1", "an event came twice or out of order", self.last, item)
        missing = self.promised[self.place : place]
        breach = self._account(missing, item)
        self.place = place + 1
        self.gaps = []
        return breach

    def _rest(self) -> Iterator[Breach]:
        breach = self._account(self.promised[self.place :], None)
        if breach is not None:
            yield breach

    def _account(self, missing: Sequence[Sent], until: Delivered | None) -> Breach | None:
        """Hold what did not come against the gaps that stand in its place."""
        self.tally["inside_gaps"] += len(missing)
        context = (self.last if not self.gaps else None, *missing, *self.gaps, until)
        if missing and not self.gaps:
            return self._breach("B1", f"{len(missing)} events were lost silently", *context)
        dropped = sum(gap.dropped for gap in self.gaps)
        is_counted = all(gap.cause == "overflow" for gap in self.gaps)
        if self.gaps and is_counted and dropped != len(missing):
            cause = f"{len(missing)} events are missing where a gap counts {dropped}"
            return self._breach("B2", cause, *context)
        return None

    def _breach(self, row: str, cause: str, *entries: object) -> Breach:
        return row, cause, shown(self.subscription.name, [each for each in entries if each])
