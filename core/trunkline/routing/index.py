"""Who wants an event of one topic: found by key where the condition holds equalities.

What an event costs depends on how many subscriptions it matches, not on how many there are.
Whoever comes or goes pays for the copies that make a dispatch a snapshot: tuples are replaced,
never changed.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from trunkline.routing.statistics import Count
from trunkline.routing.subscription import Subscription
from trunkline.where import Path, key_of, key_reader

Some = tuple[Subscription, ...]


@attrs.frozen(eq=False)
class KeyTable:
    """The subscriptions whose conditions are about the same paths."""

    field: str | None
    """The one field of the data itself that they are about; None: `read` has to be asked."""
    read: Callable[[Mapping[str, Any]], object]
    """Returns the key that data has at these paths."""
    by_key: dict[object, Some] = attrs.Factory(dict)

    @classmethod
    def of(cls, paths: tuple[Path, ...]) -> "KeyTable":
        """Return an empty table."""
        is_field = len(paths) == len(paths[0]) == 1
        return cls(paths[0][0] if is_field else None, key_reader(paths))


class TopicIndex:
    """The subscriptions of one topic."""

    def __init__(self, topic: str, routed: Count) -> None:
        self.topic = topic
        self.routed = routed
        """Events of the topic; some topics may share one count."""
        self.members: dict[Subscription, None] = {}  # a dict is a set that keeps its order
        self._always: Some = ()
        self._tables: tuple[KeyTable, ...] = ()
        self._by_paths: dict[tuple[Path, ...], KeyTable] = {}

    def __iter__(self) -> Iterator[Subscription]:
        """Go through a snapshot of all, in the order in which they came."""
        return iter(tuple(self.members))

    def add(self, subscription: Subscription) -> None:
        """Take a subscription in."""
        self.members[subscription] = None
        lookup = subscription.lookup
        if lookup is None:
            self._always += (subscription,)
            return
        table = self._by_paths.get(lookup.paths)
        if table is None:
            table = self._by_paths[lookup.paths] = KeyTable.of(lookup.paths)
            self._tables += (table,)
        for key in lookup.keys:
            table.by_key[key] = (*table.by_key.get(key, ()), subscription)

    def discard(self, subscription: Subscription) -> bool:
        """Take it out again, and leave nothing of it behind; False if it is not there."""
        if subscription not in self.members:
            return False
        del self.members[subscription]
        lookup = subscription.lookup
        if lookup is None:
            self._always = _without(self._always, subscription)
            return True
        by_key = self._by_paths[lookup.paths].by_key
        for key in lookup.keys:
            others = _without(by_key.pop(key), subscription)
            if others:
                by_key[key] = others
        if not by_key:
            del self._by_paths[lookup.paths]
            self._tables = tuple(self._by_paths.values())
        return True

    def find(self, data: Mapping[str, Any]) -> Some:
        """Return a snapshot of those that are always asked, and of those whose key `data` has."""
        found = self._always
        for table in self._tables:
            if table.field is None:
                hit = table.by_key.get(table.read(data))
            else:  # what most conditions are about, read without a call
                value = data.get(table.field)
                hit = table.by_key.get(value if type(value) is str else key_of(value))
            if hit is not None:
                found += hit
        return found


def _without(some: Some, subscription: Subscription) -> Some:
    at = some.index(subscription)
    return some[:at] + some[at + 1 :]
