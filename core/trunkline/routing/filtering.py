"""The filters of the route table, compiled: every event passes them before it is routed.

A filter that raises drops the event: a broken mask must not become an open door.
"""

from collections.abc import Callable, Iterable, Mapping

import attrs

from trunkline.border import let_pass
from trunkline.config import EVERY_TOPIC
from trunkline.events import Event
from trunkline.routing.faults import Faults
from trunkline.routing.statistics import Tally
from trunkline.routing.table import FilterRule
from trunkline.where import compile_where


@attrs.frozen
class _Compiled:
    name: str
    function: Callable[[Event], Event | None]
    topics: frozenset[str] | None
    """None: every topic."""
    where: Callable[[Event], bool] | None

    def concerns(self, event: Event) -> bool:
        if self.topics is not None and event.topic not in self.topics:
            return False
        return self.where is None or self.where(event)

    def passed(self, event: Event) -> Event | None:
        """Return what it makes of an event; it may raise whatever it likes."""
        if not self.concerns(event):
            return event
        passed = self.function(event)
        if passed is not None and not isinstance(passed, Event):
            raise TypeError(f"a filter returns an event or None, not {type(passed).__name__}")
        return passed


class Filters:
    """A chain; order is the table's."""

    def __init__(self, rules: Iterable[FilterRule], tally: Tally, faults: Faults) -> None:
        self._compiled = tuple(_compile(rule) for rule in rules)
        self._tally = tally
        self._faults = faults

    def apply(self, event: Event) -> Event | None:
        """Return what is left of the event; None: it was dropped, and counted by filter."""
        for each in self._compiled:
            try:
                passed = each.passed(event)
            except BaseException as exc:  # noqa: BLE001 - a plugin's; told below
                let_pass(exc)
                self._faults.rule_failed(each.name, exc)
                self._tally.drop(each.name, "filter failed")
                return None
            if passed is None:
                self._tally.drop(each.name, "filtered")
                return None
            event = passed
        return event


def _compile(rule: FilterRule) -> _Compiled:
    topics = None if EVERY_TOPIC in rule.topics else frozenset(rule.topics)
    where = rule.where
    if isinstance(where, Mapping):
        conditions = compile_where(where)
        return _Compiled(rule.name, rule.function, topics, lambda event: event.holds_to(conditions))
    return _Compiled(rule.name, rule.function, topics, where)
