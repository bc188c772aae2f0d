"""Who wants an event of one topic: found by key where the condition holds equalities.

What an event costs depends on how many subscriptions it matches, not on how many there are.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from trunkline.routing.subscription import Subscription
from trunkline.where import Path, key_reader

Members = dict[Subscription, None]  # a dict is a set that keeps its order


@attrs.frozen(eq=False)
class KeyTable:
    """The subscriptions whose conditions are about the same paths."""

    read: Callable[[Mapping[str, Any]], object]
    """Returns the key that data has at these paths."""
    by_key: dict[object, Members] = attrs.Factory(dict)


class TopicIndex:
    """The subscriptions of one topic."""

    def __init__(self) -> None:
        self._members: Members = {}
        self._asked_always: Members = {}
        self._tables: dict[tuple[Path, ...], KeyTable] = {}

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Subscription]:
        """Go through a snapshot of all, in the order in which they came."""
        return iter(tuple(self._members))

    def add(self, subscription: Subscription) -> None:
        """Take a subscription in."""
        self._members[subscription] = None
        lookup = subscription.lookup
        if lookup is None:
            self._asked_always[subscription] = None
            return
        table = self._tables.get(lookup.paths)
        if table is None:
            table = self._tables[lookup.paths] = KeyTable(key_reader(lookup.paths))
        for key in lookup.keys:
            table.by_key.setdefault(key, {})[subscription] = None

    def discard(self, subscription: Subscription) -> bool:
        """Take it out again, and leave nothing of it behind; False if it is not there."""
        if subscription not in self._members:
            return False
        del self._members[subscription]
        lookup = subscription.lookup
        if lookup is None:
            del self._asked_always[subscription]
            return True
        by_key = self._tables[lookup.paths].by_key
        for key in lookup.keys:
            del by_key[key][subscription]
            if not by_key[key]:
                del by_key[key]
        if not by_key:
            del self._tables[lookup.paths]
        return True

    def find(self, data: Mapping[str, Any]) -> list[Subscription]:
        """Return a snapshot of those that are always asked, and of those whose key `data` has."""
        found = list(self._asked_always)
        for table in self._tables.values():
            hit = table.by_key.get(table.read(data))
            if hit is not None:
                found += hit
        return found
