"""Who wants an event of one topic: found by key where the condition is an equality.

What an event costs depends on how many subscriptions it matches, not on how many there are.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.routing.subscription import Subscription
from trunkline.where import SCALARS, Equality, Path, dig, key_of

_PLAIN_KEYS = frozenset(SCALARS) - {bool}


class TopicIndex:
    """The subscriptions of one topic; dicts are used as ordered sets."""

    def __init__(self) -> None:
        self._asked_always: dict[Subscription, None] = {}
        # {path: {key of a value: subscriptions}}
        self._by_path: dict[Path, dict[object, dict[Subscription, None]]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Subscription]:
        """Go through a snapshot of all of them."""
        found = dict(self._asked_always)
        for by_key in self._by_path.values():
            for subscriptions in by_key.values():
                found |= subscriptions
        return iter(tuple(found))

    def add(self, subscription: Subscription) -> None:
        """Take a subscription in."""
        self._count += 1
        equality = subscription.index_by
        if equality is None:
            self._asked_always[subscription] = None
            return
        by_key = self._by_path.setdefault(equality.path, {})
        for key in equality.keys:
            by_key.setdefault(key, {})[subscription] = None

    def discard(self, subscription: Subscription) -> bool:
        """Take it out again, and leave nothing of it behind; False if it is not there."""
        equality = subscription.index_by
        if equality is None:
            if subscription not in self._asked_always:
                return False
            del self._asked_always[subscription]
        elif not self._discard_indexed(subscription, equality):
            return False
        self._count -= 1
        return True

    def _discard_indexed(self, subscription: Subscription, equality: Equality) -> bool:
        by_key = self._by_path.get(equality.path, {})
        if not all(subscription in by_key.get(key, ()) for key in equality.keys):
            return False
        for key in equality.keys:
            del by_key[key][subscription]
            if not by_key[key]:
                del by_key[key]
        if not by_key:
            self._by_path.pop(equality.path, None)
        return True

    def find(self, data: Mapping[str, Any]) -> list[Subscription]:
        """Return a snapshot of those whose key `data` has, and of those that are always asked."""
        found = list(self._asked_always)
        for path, by_key in self._by_path.items():
            value = data.get(path[0]) if len(path) == 1 else dig(data, path)
            if value.__class__ not in _PLAIN_KEYS:
                if value.__class__ is not bool:
                    continue
                value = key_of(value)
            hit = by_key.get(value)
            if hit is not None:
                found.extend(hit)
        return found
