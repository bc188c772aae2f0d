"""From a message to its topic; pure.

The first answer wins: the message's own `topic` · a `match`, exact before prefix · classifiers ·
the server's own table, exact before prefix · the type itself. Whatever depends on the type alone
is settled once per type and remembered.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import attrs

from trunkline.config import is_topic
from trunkline.routing.table import ClassifierRule, RouteTable, TopicRule
from trunkline.where import Conditions, compile_where

How = Literal["topic", "match", "prefix", "classifier", "fallback", "type", "none"]

REMEMBERED = 1024  # types and topic names; a server that invents more gets no more memory


@attrs.frozen
class Classified:
    """A topic, and which rule found it."""

    topic: str | None
    how: How
    rule: str = ""
    """The owner, classifier or table that answered."""


NOWHERE = Classified(None, "none")


class TypeRules:
    """The rules of one kind that look at nothing but the type."""

    def __init__(self, rules: Iterable[tuple[TopicRule, Conditions]]) -> None:
        self._exact: dict[object, TopicRule] = {}
        self._prefixed: list[tuple[Conditions, TopicRule]] = []
        for rule, conditions in rules:
            if conditions.tests:
                self._prefixed.append((conditions, rule))
            else:
                for key in conditions.equalities[0].keys:
                    self._exact.setdefault(key, rule)

    def find(self, kind: str) -> tuple[TopicRule, How] | None:
        """Return the rule for a type, and whether it is exact."""
        if (rule := self._exact.get(kind)) is not None:
            return rule, "match"
        for conditions, rule in self._prefixed:
            if conditions.holds({"type": kind}):
                return rule, "prefix"
        return None


class Classifier:
    """The compiled table; `classify` is all there is to ask."""

    def __init__(self, table: RouteTable) -> None:
        typed, self._by_message = _split(table.topics)
        fallbacks, _ = _split(table.fallbacks)
        self._typed = TypeRules(typed)
        self._fallbacks = TypeRules(fallbacks)
        self._classifiers = table.classifiers
        self._asks_each_time = any(rule.whole for rule in table.classifiers)
        self._by_type: dict[str, Classified] = {}
        self._by_topic: dict[str, Classified] = {}

    def classify(self, message: Mapping[str, Any]) -> Classified:
        """Return the topic of `message`; never raises."""
        topic = message.get("topic")
        if topic.__class__ is str:
            known = self._by_topic.get(topic) or self._named(topic)
            if known is not None:
                return known
        kind = message.get("type")
        if kind.__class__ is not str:
            return NOWHERE
        for conditions, rule in self._by_message:
            if conditions.holds(message):
                return Classified(rule.topic, "match", rule.owner)
        return self._by_type.get(kind) or self._of_type(kind, message)

    def _named(self, topic: str) -> Classified | None:
        if not is_topic(topic):
            return None
        return _remember(self._by_topic, topic, Classified(topic, "topic"))

    def _of_type(self, kind: str, message: Mapping[str, Any]) -> Classified:
        if (found := self._typed.find(kind)) is not None:
            rule, how = found
            return _remember(self._by_type, kind, Classified(rule.topic, how, rule.owner))
        answer = self._ask(self._classifiers, kind, message) or self._last_resort(kind)
        if self._asks_each_time:
            return answer
        return _remember(self._by_type, kind, answer)

    def _ask(
        self, rules: Sequence[ClassifierRule], kind: str, message: Mapping[str, Any]
    ) -> Classified | None:
        for rule in rules:
            try:
                topic = rule.function(message if rule.whole else kind)
            except Exception:  # noqa: BLE001, S112 - a plugin's function; one that raises gives no answer
                continue
            if isinstance(topic, str) and is_topic(topic):
                return Classified(topic, "classifier", rule.name)
        return None

    def _last_resort(self, kind: str) -> Classified:
        if (found := self._fallbacks.find(kind)) is not None:
            return Classified(found[0].topic, "fallback", "server")
        return Classified(kind, "type") if is_topic(kind) else NOWHERE


def _split(
    rules: Iterable[TopicRule],
) -> tuple[list[tuple[TopicRule, Conditions]], list[tuple[Conditions, TopicRule]]]:
    """Separate what the type alone decides from what needs the whole message."""
    typed: list[tuple[TopicRule, Conditions]] = []
    whole: list[tuple[Conditions, TopicRule]] = []
    for rule in rules:
        if rule.match is None:
            continue
        conditions = compile_where(rule.match)
        if len(rule.match) == 1 and "type" in rule.match:
            typed.append((rule, conditions))
        else:
            whole.append((conditions, rule))
    return typed, whole


def _remember(memory: dict[str, Classified], key: str, answer: Classified) -> Classified:
    if len(memory) < REMEMBERED:
        memory[key] = answer
    return answer
