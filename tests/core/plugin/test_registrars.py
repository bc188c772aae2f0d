"""What the registrars take, and what they refuse at the line that says it."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from trunkline import Event
from trunkline.errors import PluginError, TrunklineError
from trunkline.plugin.registrars import (
    ClassifierRegistrar,
    FilterRegistrar,
    SinkRegistrar,
    SubscriptionRegistrar,
    SubscriptionRule,
    TopicRegistrar,
)
from trunkline.plugin_api import Classifiers, Filters, Sinks, Subscriptions, Topics
from trunkline.routing.table import ClassifierRule, FilterRule, TopicRule


async def write(events: Sequence[Event]) -> None: ...


async def handle(event: Event) -> None: ...


def pass_on(event: Event) -> Event:
    return event


def test_hook_register_topics_collects_rules_with_their_owner() -> None:
    """A topic with and without a match."""
    topics = TopicRegistrar("audit")

    topics.add("audit", match={"type": "audit_event"})
    topics.add("audit_summary")

    assert topics.rules == [
        TopicRule("audit", "audit", {"type": "audit_event"}),
        TopicRule("audit_summary", "audit"),
    ]


def test_hook_register_classifiers_and_filters_bear_full_names() -> None:
    """`plugin.name` is what `[plugins] order` and `routes` call them by."""
    classifiers, filters = ClassifierRegistrar("audit"), FilterRegistrar("audit")

    classifiers.add("types", str.upper)
    classifiers.add("messages", len, whole=True)  # type: ignore[arg-type] # any function will do
    filters.add("mask", pass_on, topics=["audit"], where={"type": "x"})

    assert classifiers.rules == [
        ClassifierRule("audit.types", str.upper),
        ClassifierRule("audit.messages", len, whole=True),  # type: ignore[arg-type]
    ]
    assert filters.rules == [FilterRule("audit.mask", pass_on, ("audit",), {"type": "x"})]


def test_hook_register_sinks_collects_how_batches_are_wanted() -> None:
    """The delivery reads the rest from the rule."""
    sinks = SinkRegistrar("audit")

    sinks.add("file", write, topics={"audit"}, batch=10, linger=0.0, idempotent=True)

    [rule] = sinks.rules
    assert (rule.name, rule.owner, rule.topics) == ("audit.file", "audit", ("audit",))
    assert (rule.batch, rule.linger, rule.idempotent) == (10, 0.0, True)


def test_hook_register_subscriptions_collects_rules() -> None:
    """Every argument arrives where the router wants it."""
    subscriptions = SubscriptionRegistrar("audit")

    subscriptions.add("*", handle)
    subscriptions.add("audit", print, where={"a": 1}, on_gap=print, buffer=1, overflow="close")

    assert subscriptions.rules == [
        SubscriptionRule("*", "audit", handle),
        SubscriptionRule("audit", "audit", print, {"a": 1}, print, 1, "close"),
    ]


#: what is refused: who adds it, and what the text says
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "topic_system": (lambda: TopicRegistrar("p").add("system"), "belongs to the host"),
    "topic_name": (lambda: TopicRegistrar("p").add("no spaces"), "is no topic"),
    "topic_star": (lambda: TopicRegistrar("p").add("*"), "is no topic"),
    "topic_long": (lambda: TopicRegistrar("p").add("x" * 129), "is no topic"),
    "topic_match": (lambda: TopicRegistrar("p").add("t", match={"a": {"gte": 1}}), "a"),
    "classifier_async": (lambda: ClassifierRegistrar("p").add("c", handle), "plain function"),  # type: ignore[arg-type]
    "filter_async": (lambda: FilterRegistrar("p").add("f", handle), "plain function"),  # type: ignore[arg-type]
    "filter_topics": (
        lambda: FilterRegistrar("p").add("f", pass_on, topics="audit"),
        'write topics=("audit",)',
    ),
    "filter_where": (lambda: FilterRegistrar("p").add("f", pass_on, where={"a": {"x": 1}}), "a"),
    "sink_sync": (lambda: SinkRegistrar("p").add("s", print), "async def"),  # type: ignore[arg-type]
    "sink_batch": (lambda: SinkRegistrar("p").add("s", write, batch=0), "`batch` is at least 1"),
    "handler_none": (
        lambda: SubscriptionRegistrar("p").add("t", lambda: None),
        r"must take `(event)` or `(event, ctx)`",
    ),
    "handler_three": (lambda: SubscriptionRegistrar("p").add("t", lambda a, b, c: 0), "must take"),
    "handler_called": (
        lambda: SubscriptionRegistrar("p").add("t", None),  # type: ignore[arg-type]
        "a function, without brackets behind its name; got None",
    ),
    "on_gap": (
        lambda: SubscriptionRegistrar("p").add("t", handle, on_gap=3),  # type: ignore[arg-type]
        "`on_gap` must be a function; got 3",
    ),
    "buffer": (lambda: SubscriptionRegistrar("p").add("t", handle, buffer=0), "at least 1"),
    "overflow": (
        lambda: SubscriptionRegistrar("p").add("t", handle, overflow="drop"),  # type: ignore[arg-type]
        '"drop_oldest" or "close"',
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_work_raises_where_it_is_added(name: str) -> None:
    """With the way out, so that the traceback's last line of the plugin is the one to change."""
    add, text = REFUSED[name]

    with pytest.raises(TrunklineError) as caught:
        add()

    assert text in str(caught.value)


@pytest.mark.parametrize("registrar", [ClassifierRegistrar, FilterRegistrar, SinkRegistrar])
def test_a_name_is_taken_once(registrar: Callable[[str], Any]) -> None:
    """Two rules of one name could be neither ordered nor told apart."""
    rules = registrar("p")
    function = write if registrar is SinkRegistrar else pass_on
    rules.add("one", function)

    with pytest.raises(PluginError, match=r"`p\.one` is registered twice"):
        rules.add("one", function)


@pytest.mark.parametrize(
    "handler",
    [print, [].append, lambda event, extra=None: None, lambda *events: None],
    ids=["builtin", "method", "default", "star"],
)
def test_a_handler_of_the_event_may_be_anything_callable(handler: Callable[..., object]) -> None:
    """A second parameter with a default is not `ctx`."""
    SubscriptionRegistrar("p").add("t", handler)


@pytest.mark.parametrize(
    ("promised", "registrar"),
    [
        (Topics, TopicRegistrar),
        (Classifiers, ClassifierRegistrar),
        (Filters, FilterRegistrar),
        (Sinks, SinkRegistrar),
        (Subscriptions, SubscriptionRegistrar),
    ],
)
def test_p28_the_registrars_are_what_authors_are_promised(promised: Any, registrar: Any) -> None:
    """Name by name, kind by kind, default by default."""
    assert inspect.signature(registrar.add) == inspect.signature(promised.add)
