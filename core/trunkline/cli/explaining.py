"""The route table in rows, and one message's way through it; nothing runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from trunkline.border import let_pass
from trunkline.config import EVERY_TOPIC
from trunkline.events import Event
from trunkline.plugin.loaded import Loaded
from trunkline.routing.classify import Classifier
from trunkline.routing.table import FilterRule
from trunkline.where import compile_where

Row = dict[str, str | int | None]

SHOWN_PATHS = 8  # of an event that a filter has changed


def table_rows(loaded: Loaded) -> list[Row]:
    """Return the table, in the order in which it is asked: kind, order, topic, rule, owner.

    `order` counts from 1 among classifiers and among filters; None where order means nothing.
    """
    table = loaded.table
    rows = [
        _row("topic", rule.topic, rule.match or "its own `topic` only", rule.owner)
        for rule in table.topics
    ]
    rows += [
        _row("classifier", "?", "each message" if rule.whole else "each type", rule.name, order)
        for order, rule in enumerate(table.classifiers, start=1)
    ]
    rows += [_row("server", rule.topic, rule.match or "", "server") for rule in table.fallbacks]
    rows += [
        _row("filter", ", ".join(rule.topics), _filter_in_words(rule), rule.name, order)
        for order, rule in enumerate(table.filters, start=1)
    ]
    rows += [
        _row("subscription", rule.topic, rule.where or "every event", rule.owner)
        for rule in loaded.subscriptions
    ]
    rows += [
        _row("sink", ", ".join(rule.topics), f"batches of {rule.batch}", rule.name)
        for rule in loaded.sinks
    ]
    return rows


def _row(kind: str, topic: str, rule: object, owner: object, order: int | None = None) -> Row:
    if isinstance(rule, Mapping):
        rule = _in_words(rule)
    elif callable(rule):
        rule = f"where {getattr(rule, '__qualname__', type(rule).__name__)}() holds"
    return {"kind": kind, "order": order, "topic": topic, "rule": str(rule), "owner": str(owner)}


def _filter_in_words(rule: FilterRule) -> object:
    """Return what a filter of the configuration does, and to what; of others only the latter."""
    if not (rule.does and isinstance(rule.where, Mapping)):
        return rule.does or rule.where or "every event"
    return f"{rule.does} where {_in_words(rule.where)}"


#: How an operator of a condition reads.
WORDS = {"ne": "is not", "gt": ">", "ge": ">=", "lt": "<", "le": "<=", "prefix": "starts with"}


def _in_words(where: Mapping[str, Any]) -> str:
    """Return a condition as people say it."""
    parts = []
    for path, wanted in where.items():
        if isinstance(wanted, Mapping):
            parts += [f"{path} {WORDS.get(name, name)} {value}" for name, value in wanted.items()]
        else:
            parts.append(f"{path} = {wanted}")
    return " and ".join(parts)


class Explainer:
    """Says what messages would meet in the table of what is loaded."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._classifier = Classifier(loaded.table)

    def explain(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return `topic`, `how`, `type`, each filter's verdict, who gets it, and `data` as they do.

        A verdict names what the filter `does`, where that is known, and the `paths` it changed.
        `data` is None where nobody gets it.
        """
        found = self._classifier.classify(message)
        how = found.how + (f" of {found.rule}" if found.rule else "")
        kind = message.get("type")
        kind = kind if isinstance(kind, str) else ""
        way: dict[str, Any] = {"topic": found.topic, "how": how, "type": kind}
        if found.topic is None:
            return {**way, "filters": [], "receivers": [], "data": None}
        event: Event | None = Event(found.topic, kind, message)
        verdicts: list[dict[str, Any]] = []
        for rule in self._loaded.table.filters:
            if event is not None and (EVERY_TOPIC in rule.topics or event.topic in rule.topics):
                before, (event, verdict) = event, _judge(rule, event)
                paths = [] if event is None else [*_changes(before, event)][:SHOWN_PATHS]
                verdicts.append(
                    {"name": rule.name, "verdict": verdict, "does": rule.does, "paths": paths}
                )
        receivers = [] if event is None else _receivers(self._loaded, event)
        data = None if event is None else dict(event.data)
        return {**way, "filters": verdicts, "receivers": receivers, "data": data}


def verdict_in_words(verdict: Mapping[str, Any]) -> str:
    """Return one filter's verdict as people read it."""
    paths = f" ({', '.join(verdict['paths'])})" if verdict["paths"] else ""
    does = f"  [{verdict['does']}]" if verdict["does"] else ""
    return f"{verdict['name']}: {verdict['verdict']}{paths}{does}"


def _changes(before: Event, after: Event) -> Iterator[str]:
    """Yield what a filter has changed: `topic`, `type`, and paths into the data."""
    if before is after:
        return
    for name in ("topic", "type"):
        if getattr(before, name) != getattr(after, name):
            yield name
    yield from _differences(before.data, after.data)


def _differences(before: object, after: object, path: str = "") -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in {**before, **after}:
            inner = f"{path}.{key}" if path else str(key)
            yield from _differences(before.get(key), after.get(key), inner)
    elif before != after:
        yield path


def _judge(rule: Any, event: Event) -> tuple[Event | None, str]:
    try:
        if not _holds(rule.where, event):
            return event, "does not concern it"
        passed = rule.function(event)
    except BaseException as exc:  # noqa: BLE001 - a plugin's filter; the router drops the event too
        let_pass(exc)
        return None, f"raised {type(exc).__name__}: dropped"
    if passed is None:
        return None, "dropped"
    return passed, "kept" if passed is event else "changed"


def _holds(where: Any, event: Event) -> bool:
    if where is None:
        return True
    return (
        event.holds_to(compile_where(where)) if isinstance(where, Mapping) else bool(where(event))
    )


def _receivers(loaded: Loaded, event: Event) -> list[str]:
    wanted = {event.topic, EVERY_TOPIC}
    receivers = [
        f"plugin {rule.owner}"
        for rule in loaded.subscriptions
        if rule.topic in wanted and _holds(rule.where, event)
    ]
    running = [
        f"plugin {plugin.name}, if its task subscribed"
        for plugin in loaded.plugins
        if plugin.has_run and event.topic in plugin.topics
    ]
    sinks = [
        f"sink {rule.name}"
        for rule in loaded.sinks
        if wanted & set(rule.topics) and event.topic != "activity"
    ]
    return receivers + running + sinks
