"""Judges what leaves (B3 to B7): records, commands, decisions."""

from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from trunkline.simulator.ledger.promises import BATCH
from trunkline.simulator.ledger.records import Breach, shown

Writes = Mapping[str, Sequence[tuple[int, object]]]  # {sink: [(number, id)]}


def judge_sinks(
    accepted: Mapping[object, int],
    stored: Mapping[object, int],
    absent: Sequence[tuple[int, object]],
    writes: Writes,
    unique: AbstractSet[str],
    kills: Sequence[int],
    tally: Counter[str],
) -> Iterator[Breach]:
    """Yield what is wrong between the tracker and the sinks' media."""
    for number, id_ in absent:
        history = (f"{stored[id_]} stored {id_}", f"{number} restarted without it")
        yield "B3", "a stored record is gone", history
    order = {id_: place for place, id_ in enumerate([*accepted, *(set(stored) - set(accepted))])}
    for sink, entries in writes.items():
        yield from _judge_sink(sink, entries, stored, order, kills, tally)
        if sink in unique:
            yield from _judge_unique(sink, entries)


def _judge_sink(
    sink: str,
    entries: Sequence[tuple[int, object]],
    stored: Mapping[object, int],
    order: Mapping[object, int],
    kills: Sequence[int],
    tally: Counter[str],
) -> Iterator[Breach]:
    seen: dict[object, int] = {}
    repeats: Counter[int] = Counter()  # {kills before: repeats}
    last = -1
    for number, id_ in entries:
        if id_ in seen:
            repeats[bisect(kills, number)] += 1
            tally["repeats"] += 1
            if repeats[bisect(kills, number)] > BATCH * min(1, bisect(kills, number)):
                cause = f"more repeats than one batch of {BATCH} for each crash"
                history = (f"{seen[id_]} written {id_}", f"{number} written {id_} again")
                yield "B4", cause, shown(sink, history)
                return
            continue
        seen[id_] = number
        place = order.get(id_, last)
        if place < last:
            yield "B4", "out of order", shown(sink, [f"{number} written {id_}"])
            return
        last = place
    lost = [f"{number} stored {id_}" for id_, number in stored.items() if id_ not in seen]
    if lost:
        yield "B4", f"{len(lost)} stored records never came", shown(sink, lost)


def _judge_unique(sink: str, entries: Sequence[tuple[int, object]]) -> Iterator[Breach]:
    counts = Counter(id_ for _, id_ in entries)
    for id_, count in counts.items():
        if count > 1:
            history = [f"{number} written {each}" for number, each in entries if each == id_]
            yield "B5", "one id twice", shown(sink, history)
            return


def judge_commands(
    commands: Mapping[object, Sequence[tuple[int, str]]],
) -> Iterator[Breach]:
    """Yield commands that were executed twice, or though they never left."""
    for id_, entries in commands.items():
        words = [what for _, what in entries]
        history = shown(str(id_), [f"{number} {what}" for number, what in entries])
        if words.count("executed") > 1:
            yield "B6", "a command was executed twice", history
        elif {"executed", "not_sent"} <= set(words):
            yield "B6", "a command was executed that never left", history


def judge_decisions(
    decisions: Mapping[object, Sequence[tuple[int, str]]],
) -> Iterator[Breach]:
    """Yield requests with more than one decision."""
    for id_, entries in decisions.items():
        if len(entries) > 1:
            history = [f"{number} decided {outcome}" for number, outcome in entries]
            yield "B7", "two decisions for one request", shown(str(id_), history)
