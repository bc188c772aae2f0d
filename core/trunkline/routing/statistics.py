"""What a router counts. Names from outside are counted up to a bound, then together."""

from collections import Counter
from collections.abc import Mapping

import attrs

NAMES = 256  # different names that are counted one by one
OTHER = "(other)"
NO_TYPE = "(none)"
LONGEST_NAME = 128  # characters; a type may have a message's length


@attrs.frozen
class RouterStatistics:
    """A snapshot."""

    routed: Mapping[str, int]
    """{topic: events handed to dispatch}"""
    dropped: Mapping[tuple[str, str], int]
    """{(where, reason): events that went no further}; where is a filter or `subscription`"""
    unclassified: Mapping[str, int]
    """{type: messages whose topic nobody knew}"""
    handler_errors: Mapping[str, int]
    """{owner: errors of its callbacks}; the empty name stands for subscribers outside plugins"""
    handler_seconds: Mapping[str, float]
    """{plugin: time spent in its synchronous callbacks}"""
    gaps: Mapping[tuple[str, str], int]
    """{(topic, cause): gaps}; `*` is a gap in every topic, as a lost link leaves it"""
    subscription_count: int
    waiting_count: int
    """Events and gaps in mailboxes, not read yet."""
    mailbox_used: float
    """The fullest mailbox, as a share of its bound."""

    @property
    def gaps_by_cause(self) -> Mapping[str, int]:
        """{cause: gaps}, in whatever topic."""
        causes: Counter[str] = Counter()
        for (_, cause), count in self.gaps.items():
            causes[cause] += count
        return dict(causes)


@attrs.define
class Count:
    """How many so far."""

    value: int = 0


@attrs.define
class Tally:
    """The running figures."""

    unclassified: dict[str, int] = attrs.Factory(dict)
    dropped: Counter[tuple[str, str]] = attrs.Factory(Counter)
    overflowed: Count = attrs.Factory(Count)
    """Events that full mailboxes lost; each costs no more than this."""
    gaps: Counter[tuple[str, str]] = attrs.Factory(Counter)

    def all_dropped(self) -> dict[tuple[str, str], int]:
        """Return everything that went no further, as `RouterStatistics` has it."""
        lost = self.overflowed.value
        return {**self.dropped, **({("subscription", "overflow"): lost} if lost else {})}

    def drop(self, where: str, reason: str) -> None:
        """Count an event that goes no further."""
        self.dropped[where, reason] += 1


def count_name(counts: dict[str, int], name: str) -> bool:
    """Count a name; True if it is counted by itself and for the first time."""
    if name in counts:
        counts[name] += 1
        return False
    is_new = len(counts) < NAMES
    name = name if is_new else OTHER
    counts[name] = counts.get(name, 0) + 1
    return is_new


def shown_name(name: str) -> str:
    """Return a name from outside fit for one line: escaped and cut (S11)."""
    shown = name[:LONGEST_NAME].encode("unicode_escape").decode()[:LONGEST_NAME]
    return shown if len(name) <= LONGEST_NAME else shown + "..."
