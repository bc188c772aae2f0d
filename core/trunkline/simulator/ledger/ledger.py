"""The ledger: what everybody saw happen, in one order, and whether the promises were kept.

Simulator, faults, sinks and test plugins report; a test ends with `ledger.verify("B1", ...)`.
Reporting is an append; all thinking is done in the end.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

import attrs

from trunkline.config import EVERY_TOPIC
from trunkline.simulator.ledger.inbound import judge_streams
from trunkline.simulator.ledger.outbound import judge_commands, judge_decisions, judge_sinks
from trunkline.simulator.ledger.promises import BY_NAME, BrokenPromise
from trunkline.simulator.ledger.records import (
    Delivered,
    Ended,
    GapSeen,
    Sent,
    Streams,
    Subscribed,
)


@attrs.frozen
class Report:
    """The figures of a history that kept its promises."""

    sent: int
    delivered: int
    """Live, at all subscriptions together."""
    inside_gaps: int
    """Not delivered, and covered by a gap, at all subscriptions together."""
    backfilled: int
    gaps: int
    stored: int
    written: int
    repeats: int
    """Records that a sink got again after a crash."""
    commands: int
    decisions: int


class Ledger:
    """One history; a test makes one, passes it around, and asks it in the end."""

    def __init__(self) -> None:
        self._streams = Streams()
        self._number = 0
        self._stored: dict[object, int] = {}
        self._accepted: dict[object, int] = {}
        self._writes: defaultdict[str, list[tuple[int, object]]] = defaultdict(list)
        self._unique: set[str] = set()
        self._kills: list[int] = []
        self._absent: list[tuple[int, object]] = []
        self._commands: defaultdict[object, list[tuple[int, str]]] = defaultdict(list)
        self._decisions: defaultdict[object, list[tuple[int, str]]] = defaultdict(list)

    def _next(self) -> int:
        self._number += 1
        return self._number

    # server, router, subscribers

    def sent(self, id_: object, topic: str = EVERY_TOPIC) -> None:
        """Report an event that the server sent, or would have sent to a client that is away."""
        self._streams.sent.append(Sent(self._next(), id_, topic))

    def ready(self) -> None:
        """Report that the connection became READY; before the first time nothing is promised."""
        if self._streams.first_ready is None:
            self._streams.first_ready = self._next()

    def subscribed(self, name: str, topic: str = EVERY_TOPIC) -> None:
        """Report a subscription, and the topic that it may get."""
        self._streams.subscribed[name] = Subscribed(self._next(), name, topic)

    def ended(self, name: str) -> None:
        """Report that a subscription has ended: nothing may come after."""
        self._streams.items[name].append(Ended(self._next()))

    def delivered(
        self,
        id_: object,
        subscription: str,
        epoch: int,
        topic: str = EVERY_TOPIC,
        origin: str = "live",
    ) -> None:
        """Report an event that a subscriber got."""
        item = Delivered(self._next(), id_, epoch, topic, origin)
        self._streams.items[subscription].append(item)

    def gap(self, subscription: str, cause: str, dropped: int = 0) -> None:
        """Report a gap that a subscriber got, in its place."""
        self._streams.items[subscription].append(GapSeen(self._next(), cause, dropped))

    # tracker, outbox, sinks

    def sink(self, name: str, *, unique: bool = False) -> None:
        """Report a sink; with `unique` its medium holds each id once."""
        self._writes[name]
        if unique:
            self._unique.add(name)

    def accepted(self, id_: object) -> None:
        """Report a record that the tracker took."""
        self._accepted[id_] = self._next()

    def stored(self, id_: object) -> None:
        """Report a record that was said to be stored."""
        self._stored[id_] = self._next()

    def killed(self) -> None:
        """Report a crash of the host, or a link lost in flight."""
        self._kills.append(self._next())

    def restarted(self, present: Iterable[object]) -> None:
        """Report which records the outbox holds after a restart."""
        number = self._next()
        held = set(present)
        written: set[object] = set()
        if self._writes:
            written = set.intersection(*({w for _, w in each} for each in self._writes.values()))
        self._absent += [(number, each) for each in self._stored if each not in held | written]

    def written(self, id_: object, sink: str) -> None:
        """Report a record that reached a sink's medium."""
        self._writes[sink].append((self._next(), id_))

    # commands and decisions

    def command(self, id_: object, what: str) -> None:
        """Report `sent`, `not_sent`, `unknown`, `answered` by the host, `executed` by the server."""
        self._commands[id_].append((self._next(), what))

    def decided(self, request: object, outcome: str) -> None:
        """Report a recorded decision."""
        self._decisions[request].append((self._next(), outcome))

    # the judge

    def verify(self, *rows: str) -> Report:
        """Judge the history by the named rows; return its figures.

        Raises:
            BrokenPromise: a promise is broken; the text shows the shortest history that does.
            KeyError: there is no such row, or it is one that no ledger can judge.
        """
        unknown = [row for row in rows if row not in BY_NAME or not BY_NAME[row].is_judged]
        if unknown or not rows:
            raise KeyError(f"no row that can be judged: {unknown}")
        tally: Counter[str] = Counter()
        streams = judge_streams(self._streams, tally)
        sinks = judge_sinks(
            self._accepted,
            self._stored,
            self._absent,
            self._writes,
            self._unique,
            self._kills,
            tally,
        )
        breaches = (
            *streams,
            *sinks,
            *judge_commands(self._commands),
            *judge_decisions(self._decisions),
        )
        for row, cause, history in breaches:
            if row in rows:
                raise BrokenPromise(row, cause, history)
        return Report(
            sent=len(self._streams.sent),
            delivered=tally["delivered"],
            inside_gaps=tally["inside_gaps"],
            backfilled=tally["backfilled"],
            gaps=tally["gaps"],
            stored=len(self._stored),
            written=sum(map(len, self._writes.values())),
            repeats=tally["repeats"],
            commands=len(self._commands),
            decisions=len(self._decisions),
        )
