"""What a router counts. Names from outside are counted up to a bound, then together."""

from collections import Counter
from collections.abc import Mapping

import attrs

NAMES = 256  # different topics or types that are counted by name
OTHER = "(other)"


@attrs.frozen
class RouterStatistics:
    """A snapshot."""

    routed: Mapping[str, int]
    """{topic: events handed to dispatch}"""
    dropped: Mapping[tuple[str, str], int]
    """{(where, reason): events that went no further}"""
    unclassified: Mapping[str, int]
    """{type: messages whose topic nobody knew}"""
    handler_errors: Mapping[str, int]
    """{owner: errors of its callbacks}; the empty name stands for subscribers outside plugins"""
    subscription_count: int
    waiting_count: int
    """Events in mailboxes, not read yet."""
    overflow_count: int
    """Events dropped because a mailbox was full, of the subscriptions that live."""


@attrs.define
class Tally:
    """The running figures."""

    _routed: dict[str, int] = attrs.Factory(dict)
    _unclassified: dict[str, int] = attrs.Factory(dict)
    _dropped: Counter[tuple[str, str]] = attrs.Factory(Counter)

    def routed(self, topic: str) -> None:
        """Count an event."""
        counts = self._routed
        if topic in counts:
            counts[topic] += 1
        else:
            _count_new(counts, topic)

    def unclassified(self, kind: str | None) -> bool:
        """Count a message nobody knows the topic of; True if its type is new."""
        name = kind if kind is not None else "(none)"
        if name in self._unclassified:
            self._unclassified[name] += 1
            return False
        return _count_new(self._unclassified, name)

    def drop(self, where: str, reason: str) -> None:
        """Count an event that goes no further."""
        self._dropped[where, reason] += 1

    def snapshot(
        self, handler_errors: Mapping[str, int], subscriptions: int, waiting: int, overflow: int
    ) -> RouterStatistics:
        """Return the figures as they stand."""
        return RouterStatistics(
            dict(self._routed),
            dict(self._dropped),
            dict(self._unclassified),
            dict(handler_errors),
            subscriptions,
            waiting,
            overflow,
        )


def _count_new(counts: dict[str, int], name: str) -> bool:
    """Count a name that is not there yet; False where there are too many to take it in."""
    is_new = len(counts) < NAMES
    name = name if is_new else OTHER
    counts[name] = counts.get(name, 0) + 1
    return is_new
