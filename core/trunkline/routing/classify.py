"""From a message to its topic; pure.

The first answer wins: the message's own `topic` · a `match`, exact before prefix · classifiers ·
the server's own table, exact before prefix · the type itself. Whatever depends on the type alone
is settled once per type and remembered.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

import attrs

from trunkline.config import is_topic
from trunkline.routing.table import ClassifierRule, RouteTable, TopicRule
from trunkline.where import Conditions, compile_where

T = TypeVar("T")
How = Literal["topic", "match", "prefix", "classifier", "fallback", "type", "none"]

REMEMBERED = 1024  # types and topic names; a server that invents more gets no more memory
LONGEST_REMEMBERED = 128  # characters; a longer one is looked at each time


@attrs.frozen
class Classified:
    """A topic, and which rule found it."""

    topic: str | None
    how: How
    rule: str = ""
    """The owner, classifier or table that answered."""

    is_known: bool = attrs.field(init=False)
    """Whether anybody but the message's own type named the topic."""

    @is_known.default
    def _knows(self) -> bool:
        return self.how not in _GUESSED


_GUESSED = frozenset({"type", "none"})
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


def _ignore(_: str, __: BaseException) -> None:
    """Tell nobody."""


class Classifier:
    """The compiled table; `classify` is all there is to ask."""

    def __init__(
        self, table: RouteTable, *, on_error: Callable[[str, BaseException], None] = _ignore
    ) -> None:
        """Compile `table`; `on_error` is told the name of a classifier and what it raised."""
        typed, self._by_message = _split(table.topics)
        fallbacks, _ = _split(table.fallbacks)
        self._typed = TypeRules(typed)
        self._fallbacks = TypeRules(fallbacks)
        self._classifiers = table.classifiers
        self._on_error = on_error
        self._by_topic: dict[str, Classified] = {}
        self._by_type: dict[str, Classified] = {}
        self._asked: dict[str, _Asked] = {}  # types that are settled only but for some classifiers

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

    def is_settled(self, kind: str) -> bool:
        """Tell whether the topic of a type is known from now on, but for messages that name one."""
        known = self._by_type.get(kind)
        return known is not None and known.is_known and not self._by_message

    def _named(self, topic: str) -> Classified | None:
        if not is_topic(topic):
            return None
        return _remember(self._by_topic, topic, Classified(topic, "topic"))

    def _of_type(self, kind: str, message: Mapping[str, Any]) -> Classified:
        asked = self._asked.get(kind)
        if asked is None:
            asked = self._settle(kind)
            if not asked.each_time:
                return _remember(self._by_type, kind, asked.otherwise)
            _remember(self._asked, kind, asked)
        for rule in asked.each_time:
            if (topic := self._answer(rule, message)) is not None:
                return Classified(topic, "classifier", rule.name)
        return asked.otherwise

    def _settle(self, kind: str) -> "_Asked":
        """Find all that can be said about a type without seeing a message."""
        if (found := self._typed.find(kind)) is not None:
            rule, how = found
            return _Asked((), Classified(rule.topic, how, rule.owner))
        each_time: list[ClassifierRule] = []
        for classifier in self._classifiers:
            if classifier.whole:
                each_time.append(classifier)
            elif (topic := self._answer(classifier, kind)) is not None:
                return _Asked(tuple(each_time), Classified(topic, "classifier", classifier.name))
        return _Asked(tuple(each_time), self._last_resort(kind))

    def _answer(self, rule: ClassifierRule, asked: object) -> str | None:
        try:
            topic = rule.function(asked)
        except (KeyboardInterrupt, GeneratorExit):  # `border`, which this module must not know
            raise
        except BaseException as exc:  # noqa: BLE001 - a plugin's function; it gives no answer
            self._on_error(rule.name, exc)
            return None
        return topic if isinstance(topic, str) and is_topic(topic) else None

    def _last_resort(self, kind: str) -> Classified:
        if (found := self._fallbacks.find(kind)) is not None:
            return Classified(found[0].topic, "fallback", "server")
        return Classified(kind, "type") if is_topic(kind) else NOWHERE


@attrs.frozen
class _Asked:
    """What is known of a type: who wants to see each message, and the answer if none of them knows."""

    each_time: tuple[ClassifierRule, ...]
    otherwise: Classified


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


def _remember(memory: dict[str, T], key: str, answer: T) -> T:
    if len(memory) < REMEMBERED and len(key) <= LONGEST_REMEMBERED:
        memory[key] = answer
    return answer
