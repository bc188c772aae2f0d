"""Pure: from the rules of all plugins to the one route table, and what is wrong between them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from trunkline.config import EVERY_TOPIC, HOST_TOPIC
from trunkline.plugin.draft import Draft
from trunkline.plugin.order import arrange
from trunkline.plugin.suggest import did_you_mean
from trunkline.routing.table import ClassifierRule, FilterRule, RouteTable, TopicRule

RuleT = TypeVar("RuleT", ClassifierRule, FilterRule)

#: What the host itself puts events on, whatever plugins there are.
HOST_TOPICS = frozenset({HOST_TOPIC, "activity"})


def conflicts(drafts: Sequence[Draft]) -> dict[str, str]:
    """Return `{plugin: reason}` for plugins that claim a topic or match another one has.

    Both are refused, so that the outcome does not depend on who loads first; a built-in keeps
    what is its own.
    """
    builtins = {draft.name for draft in drafts if draft.found.origin == "builtin"}
    rules = [rule for draft in drafts for rule in draft.topics.rules]
    refused: dict[str, str] = {}
    for number, rule in enumerate(rules):
        for other in rules[:number]:
            claim = _shared_claim(rule, other)
            if claim is None or rule.owner == other.owner:
                continue
            names = sorted(str(owner) for owner in (rule.owner, other.owner))
            reason = f"{claim} is claimed by `{names[0]}` and by `{names[1]}`; disable one"
            refused |= {name: reason for name in names if name not in builtins}
    return refused


def _shared_claim(rule: TopicRule, other: TopicRule) -> str | None:
    if rule.topic == other.topic:
        return f"topic `{rule.topic}`"
    if rule.match is not None and rule.match == other.match:
        return f"the match of topics `{other.topic}` and `{rule.topic}`"
    return None


def route_table(
    drafts: Sequence[Draft],
    *,
    order: Iterable[str],
    leading_filters: Iterable[FilterRule],
    fallbacks: Iterable[TopicRule],
) -> RouteTable:
    """Put the rules of the plugins, in load order, into the table that dispatches."""
    order = tuple(order)
    classifiers = [rule for draft in drafts for rule in draft.classifiers.rules]
    filters = [rule for draft in drafts for rule in draft.filters.rules]
    return RouteTable(
        topics=tuple(rule for draft in drafts for rule in draft.topics.rules),
        classifiers=_arranged(classifiers, order),
        filters=(*leading_filters, *_arranged(filters, order)),
        fallbacks=tuple(fallbacks),
    )


def _arranged(rules: Sequence[RuleT], order: Iterable[str]) -> tuple[RuleT, ...]:
    by_name = {rule.name: rule for rule in rules}
    return tuple(by_name[name] for name in arrange(tuple(by_name), order))


def table_warnings(table: RouteTable, drafts: Sequence[Draft], order: Iterable[str]) -> list[str]:
    """Return what is allowed and probably not meant."""
    known = {rule.topic for rule in (*table.topics, *table.fallbacks)} | HOST_TOPICS
    warnings = [
        f"{who} topic `{topic}`, which nobody owns{did_you_mean(topic, known)}"
        for who, topic in _wanted(table, drafts)
        if topic not in known | {EVERY_TOPIC}
    ]
    rules = {rule.name for draft in drafts for rule in _ordered(draft)}
    leading = {rule.name for rule in table.filters} - rules
    return warnings + [
        f"[plugins] order names `{name}`, "
        + (
            "a filter of the file: those come first, in the order of the file"
            if name in leading
            else f"which is no filter or classifier here{did_you_mean(name, rules)}"
        )
        for name in order
        if name != "*" and name not in rules
    ]


def _ordered(draft: Draft) -> Iterator[ClassifierRule | FilterRule]:
    """Yield what `[plugins] order` can put in order."""
    yield from draft.classifiers.rules
    yield from draft.filters.rules


def _wanted(table: RouteTable, drafts: Sequence[Draft]) -> Iterator[tuple[str, str]]:
    """Yield who is there for a topic, and the topic; nobody is for one that is misspelt."""
    for filter_rule in table.filters:
        yield from ((f"filter `{filter_rule.name}` is for", topic) for topic in filter_rule.topics)
    for draft in drafts:
        for subscription in draft.subscriptions.rules:
            yield f"plugin `{subscription.owner}` subscribes to", subscription.topic
        for sink in draft.sinks.rules:
            yield from ((f"sink `{sink.name}` takes", topic) for topic in sink.topics)
