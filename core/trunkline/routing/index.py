"""Who wants an event of one topic: found by key where the condition holds equalities.

What an event costs depends on how many subscriptions it matches, not on how many there are.
Whoever comes or goes pays for the copies that make a dispatch a snapshot: tuples are replaced,
never changed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from trunkline.routing.statistics import Count
from trunkline.routing.subscription import Subscription
from trunkline.where import Path, key_of, key_reader

Some = tuple[Subscription, ...]
Keyed = dict[object, Some]


class TopicIndex:
    """The subscriptions of one topic."""

    def __init__(self, topic: str, routed: Count) -> None:
        self.topic = topic
        self.routed = routed
        """Events of the topic; some topics may share one count."""
        self.members: dict[Subscription, None] = {}  # a dict is a set that keeps its order
        self.always: Some = ()
        """Those without a key."""
        self.by_field: tuple[tuple[str, Keyed], ...] = ()
        """Those whose condition is about one field of the data itself, as most are."""
        self.by_paths: tuple[tuple[Callable[[Mapping[str, Any]], object], Keyed], ...] = ()
        """The others, with what reads their key."""
        self._tables: dict[tuple[Path, ...], Keyed] = {}

    def __iter__(self) -> Iterator[Subscription]:
        """Go through a snapshot of all, in the order in which they came."""
        return iter(tuple(self.members))

    def add(self, subscription: Subscription) -> None:
        """Take a subscription in."""
        self.members[subscription] = None
        lookup = subscription.lookup
        if lookup is None:
            self.always += (subscription,)
            return
        if lookup.paths not in self._tables:
            self._tables[lookup.paths] = {}
            self._arrange()
        table = self._tables[lookup.paths]
        for key in lookup.keys:
            table[key] = (*table.get(key, ()), subscription)

    def discard(self, subscription: Subscription) -> bool:
        """Take it out again, and leave nothing of it behind; False if it is not there."""
        if subscription not in self.members:
            return False
        del self.members[subscription]
        lookup = subscription.lookup
        if lookup is None:
            self.always = _without(self.always, subscription)
            return True
        table = self._tables[lookup.paths]
        for key in lookup.keys:
            others = _without(table.pop(key), subscription)
            if others:
                table[key] = others
        if not table:
            del self._tables[lookup.paths]
            self._arrange()
        return True

    def _arrange(self) -> None:
        """Tell the tables of one field from those that have to be asked."""
        tables = self._tables.items()
        self.by_field = tuple((paths[0][0], each) for paths, each in tables if _is_field(paths))
        self.by_paths = tuple(
            (key_reader(paths), each) for paths, each in tables if not _is_field(paths)
        )

    def find(self, data: Mapping[str, Any]) -> Some:
        """Return a snapshot of those that are always asked, and of those whose key `data` has."""
        found = self.always
        for field, table in self.by_field:
            value = data.get(field)
            if (hit := table.get(value if type(value) is str else key_of(value))) is not None:
                found += hit
        return found + self.find_by_paths(data) if self.by_paths else found

    def find_by_paths(self, data: Mapping[str, Any]) -> Some:
        """Return those that `by_paths` finds."""
        found: Some = ()
        for read, table in self.by_paths:
            found += table.get(read(data), ())
        return found


def _is_field(paths: tuple[Path, ...]) -> bool:
    return len(paths) == len(paths[0]) == 1


def _without(some: Some, subscription: Subscription) -> Some:
    at = some.index(subscription)
    return some[:at] + some[at + 1 :]
