"""From a message to the index of its topic: one look, where one like it was seen before."""

from collections.abc import Mapping
from typing import Any

from trunkline.routing.classify import Classifier
from trunkline.routing.index import TopicIndex
from trunkline.routing.subscribers import Subscribers


class TopicLookup:
    """Asks the classifier, and remembers what it says of types and of the names of topics.

    What it remembers is bounded: by the classifier's own memory, and by the indexes that are kept.
    """

    def __init__(self, classifier: Classifier, subscribers: Subscribers) -> None:
        self.classifier = classifier
        self._subscribers = subscribers
        self._by_name: dict[str, TopicIndex] = {}
        self.by_type: dict[str, TopicIndex] = {}
        """Answers for messages that name no topic; whoever is in a hurry looks here first."""
        self.reserved: frozenset[str] = frozenset()
        """Types whose messages are never asked about."""

    def ask(self, message: Mapping[str, Any], kind: str) -> tuple[TopicIndex | None, bool]:
        """Return the index of the topic of a message of type `kind`, and whether anybody knew it.

        None: it has no topic.
        """
        named = message.get("topic")
        if type(named) is str and (index := self._by_name.get(named)) is not None:
            return index, True
        found = self.classifier.classify(message)
        if found.topic is None:
            return None, found.is_known
        index = self._subscribers.of(found.topic)
        if self._subscribers.is_kept(index):
            if found.how == "topic":
                self._by_name[found.topic] = index
            elif self.classifier.is_settled(kind):
                self.by_type[kind] = index
        return index, found.is_known
