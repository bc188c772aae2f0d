"""Everybody who listens, by topic; who leaves, leaves nothing behind."""

from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.routing.index import TopicIndex
from trunkline.routing.subscription import EVERY_TOPIC, Subscription


class Subscribers:
    """The subscriptions of a router."""

    def __init__(self) -> None:
        self._by_topic: dict[str, TopicIndex] = {}

    def __iter__(self) -> Iterator[Subscription]:
        """Go through a snapshot of all."""
        everybody = [subscription for index in self._by_topic.values() for subscription in index]
        return iter(everybody)

    def add(self, subscription: Subscription) -> None:
        """Take a subscription in; it gets the next event."""
        index = self._by_topic.get(subscription.topic)
        if index is None:
            index = self._by_topic[subscription.topic] = TopicIndex()
        index.add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """End a subscription; one that has ended already is let be."""
        index = self._by_topic.get(subscription.topic)
        if index is None or not index.discard(subscription):
            return
        subscription.end()
        if not len(index):
            del self._by_topic[subscription.topic]

    def find(self, topic: str, data: Mapping[str, Any]) -> list[Subscription]:
        """Return a snapshot of those to ask about an event: of its topic, then of every topic."""
        index = self._by_topic.get(topic)
        found = [] if index is None else index.find(data)
        index = self._by_topic.get(EVERY_TOPIC)
        if index is not None:
            found += index.find(data)
        return found

    def count(self, topic: str | None = None) -> int:
        """Return how many there are, of `topic` or in all."""
        if topic is not None:
            return len(self._by_topic.get(topic, ()))
        return sum(len(index) for index in self._by_topic.values())

    def topics(self) -> tuple[str, ...]:
        """Return the topics that somebody listens to, sorted."""
        return tuple(sorted(self._by_topic))

    def clear(self, topic: str | None) -> int:
        """End those of `topic`, or all; return how many there were."""
        ended = [each for each in self if topic is None or each.topic == topic]
        for subscription in ended:
            self.remove(subscription)
        return len(ended)
