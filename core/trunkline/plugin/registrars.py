"""What the register hooks are given: each collects one plugin's rules and checks them at once.

A rule that cannot work raises where the plugin adds it, so that the traceback names its line.
What only shows when all plugins are together (two owners of a topic) is found at `compile`.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Any

import attrs

from trunkline.activity.sinks import SinkRule
from trunkline.config import EVERY_TOPIC, HOST_TOPIC, is_topic
from trunkline.errors import PluginError
from trunkline.events import Event, Gap
from trunkline.plugin.callables import is_async, parameter_count
from trunkline.plugin_api import Condition, Handler, Overflow, Sink, Where
from trunkline.routing.table import ClassifierRule, FilterRule, TopicRule
from trunkline.where import compile_where


@attrs.frozen
class SubscriptionRule:
    """One registered subscription."""

    topic: str
    owner: str
    """The plugin that registered it."""
    handler: Handler
    """Takes `(event)`, or `(event, ctx)`; sync or async."""
    where: Where | None = None
    on_gap: Callable[[Gap], object] | None = None
    buffer: int = 256
    overflow: Overflow = "drop_oldest"


class TopicRegistrar:
    """Takes the topics of one plugin."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.rules: list[TopicRule] = []

    def add(self, name: str, *, match: Condition | None = None) -> None:
        """Own topic `name`; messages that hold to `match` belong to it."""
        _check_topic(name)
        if name == HOST_TOPIC:
            raise PluginError(f"topic `{HOST_TOPIC}` belongs to the host; choose another name")
        if match is not None:
            compile_where(match)
        self.rules.append(TopicRule(name, self._owner, match))


class ClassifierRegistrar:
    """Takes the classifiers of one plugin."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.rules: list[ClassifierRule] = []

    def add(self, name: str, function: Callable[[Any], str | None], *, whole: bool = False) -> None:
        """Ask `function` for the topic of a type, once per type; with `whole`, of each message."""
        full_name = _full_name(self._owner, name, self.rules)
        _check_plain_function(name, function)
        self.rules.append(ClassifierRule(full_name, function, whole))


class FilterRegistrar:
    """Takes the filters of one plugin."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.rules: list[FilterRule] = []

    def add(
        self,
        name: str,
        function: Callable[[Event], Event | None],
        *,
        topics: Collection[str] = (EVERY_TOPIC,),
        where: Where | None = None,
    ) -> None:
        """Let `function` keep, change or drop (None) events; one that raises drops."""
        full_name = _full_name(self._owner, name, self.rules)
        _check_plain_function(name, function)
        _check_where(where)
        self.rules.append(FilterRule(full_name, function, _topics(topics), where))


class SinkRegistrar:
    """Takes the sinks of one plugin."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.rules: list[SinkRule] = []

    def add(
        self,
        name: str,
        sink: Sink | Callable[..., Awaitable[None]],
        *,
        topics: Collection[str] = ("activity",),
        batch: int = 100,
        linger: float = 1.0,
        idempotent: bool = False,
        greets: bool = False,
        shares: Collection[str] = (),
    ) -> None:
        """Deliver events of `topics` to `sink`, at most `batch` at once, `linger` seconds late."""
        full_name = _full_name(self._owner, name, self.rules)
        if batch < 1 or linger < 0:
            raise PluginError(f"sink `{name}`: `batch` is at least 1, `linger` not negative")
        write: Callable[..., object] = getattr(sink, "write", sink)  # type: ignore[arg-type] # a sink has it
        if not is_async(write):
            raise PluginError(f"sink `{name}` must be `async def` or have an `async def write`")
        parameter_count(write, "sink")
        self.rules.append(
            SinkRule(
                full_name,
                self._owner,
                sink,
                _topics(topics),
                batch,
                linger,
                idempotent,
                greets,
                frozenset(shares),
            )
        )


class SubscriptionRegistrar:
    """Takes the handlers of one plugin."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self.rules: list[SubscriptionRule] = []

    def add(
        self,
        topic: str,
        handler: Handler,
        *,
        where: Where | None = None,
        on_gap: Callable[[Gap], object] | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
    ) -> None:
        """Call `handler(event)` or `handler(event, ctx)` for the events of `topic`."""
        if topic != EVERY_TOPIC:
            _check_topic(topic)
        parameter_count(handler, "handler")
        if on_gap is not None and not callable(on_gap):
            raise PluginError(f"`on_gap` must be a function; got {on_gap!r}")
        _check_where(where)
        if buffer < 1:
            raise PluginError(f"`buffer` is a number of events, at least 1; got {buffer}")
        if overflow not in {"drop_oldest", "close"}:
            raise PluginError(f'`overflow` is "drop_oldest" or "close"; got "{overflow}"')
        self.rules.append(
            SubscriptionRule(topic, self._owner, handler, where, on_gap, buffer, overflow)
        )


def _check_topic(name: str) -> None:
    if not is_topic(name):
        raise PluginError(
            f"{ascii(name)[:80]} is no topic: a letter or digit, then up to 127 of A-Z a-z 0-9 _ . : -"
        )


def _check_where(where: Where | None) -> None:
    if where is not None and not callable(where):
        compile_where(where)


def _check_plain_function(name: str, function: Callable[..., object]) -> None:
    if not callable(function) or is_async(function):
        raise PluginError(f"`{name}` must be a plain function: it is called while a message waits")


def _topics(topics: Collection[str]) -> tuple[str, ...]:
    if isinstance(topics, str):
        raise PluginError(f'`topics` is a collection of names: write topics=("{topics}",)')
    for topic in topics:
        if topic != EVERY_TOPIC:
            _check_topic(topic)
    return tuple(topics)


def _full_name(
    owner: str, name: str, rules: Collection[ClassifierRule | FilterRule | SinkRule]
) -> str:
    full_name = f"{owner}.{name}"
    if any(rule.name == full_name for rule in rules):
        raise PluginError(f"`{full_name}` is registered twice; give each its own name")
    return full_name
