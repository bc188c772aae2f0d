"""Everybody who listens, by topic; who leaves, leaves nothing behind."""

from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.config import EVERY_TOPIC
from trunkline.events import Event
from trunkline.routing.index import TopicIndex
from trunkline.routing.statistics import NAMES, OTHER, Count
from trunkline.routing.subscription import Subscription


class Subscribers:
    """The subscriptions of a router, and how many events came for each topic."""

    def __init__(self) -> None:
        self._routed: dict[str, Count] = {}  # of the first `NAMES` topics that events came for
        self._others = Count()
        self.everything = TopicIndex(EVERY_TOPIC, self._others)
        """Those of every topic."""
        self._by_topic = {EVERY_TOPIC: self.everything}

    def __iter__(self) -> Iterator[Subscription]:
        """Go through a snapshot of all."""
        everybody = [subscription for index in self._by_topic.values() for subscription in index]
        return iter(everybody)

    def of(self, topic: str) -> TopicIndex:
        """Return the index of a topic that an event has come for; `is_kept` says for how long."""
        index = self._by_topic.get(topic) or TopicIndex(topic, self._others)
        if index.routed is self._others and len(self._routed) < NAMES:
            index.routed = self._routed[topic] = Count()
            self._by_topic[topic] = index
        return index

    def is_kept(self, index: TopicIndex) -> bool:
        """Tell whether an index is its topic's for ever, also while nobody listens."""
        return index.routed is not self._others

    def dispatch(self, index: TopicIndex, event: Event, data: Mapping[str, Any], size: int) -> None:
        """Hand an event to the subscribers of its topic, then to those of every topic.

        `index` is its topic's, `data` as conditions see it, `size` its bytes. Who is added meanwhile gets
        the next event.
        """
        index.routed.value += 1
        found = index.find(data)
        if self.everything.members:
            found += self.everything.find(data)
        for subscription in found:  # asked one by one: a callback may end the next subscription
            if (direct := subscription.direct) is not None:
                try:
                    direct(event)
                except BaseException as exc:  # noqa: BLE001 - not ours; `failed` lets pass what ends a task
                    subscription.failed(exc)
            elif subscription.admits(event):
                subscription.deliver(event, size)

    def add(self, subscription: Subscription) -> None:
        """Take a subscription in; it gets the next event."""
        index = self._by_topic.get(subscription.topic)
        if index is None:
            index = self._by_topic[subscription.topic] = TopicIndex(
                subscription.topic, self._others
            )
        index.add(subscription)

    def remove(self, subscription: Subscription) -> None:
        """End a subscription; one that has ended already is let be."""
        index = self._by_topic.get(subscription.topic)
        if index is None or not index.discard(subscription):
            return
        subscription.end()
        if not (index.members or index is self.everything or self.is_kept(index)):
            del self._by_topic[subscription.topic]

    def count(self, topic: str | None = None) -> int:
        """Return how many there are, of `topic` or in all."""
        if topic is None:
            return sum(len(index.members) for index in self._by_topic.values())
        index = self._by_topic.get(topic)
        return 0 if index is None else len(index.members)

    def topics(self) -> tuple[str, ...]:
        """Return the topics that somebody listens to, sorted."""
        return tuple(sorted(topic for topic, index in self._by_topic.items() if index.members))

    def routed(self) -> dict[str, int]:
        """Return how many events came, by topic; beyond a bound the topics are counted together."""
        counts = {topic: count.value for topic, count in self._routed.items()}
        return {**counts, OTHER: self._others.value} if self._others.value else counts

    def clear(self, topic: str | None) -> int:
        """End those of `topic`, or all; return how many there were."""
        ended = [each for each in self if topic is None or each.topic == topic]
        for subscription in ended:
            self.remove(subscription)
        return len(ended)
