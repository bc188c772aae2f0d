"""What the router says about itself: system events, counts and log lines, none of them a flood."""

from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from router_bench import broken, route

from trunkline.events import Event
from trunkline.routing.router import Router
from trunkline.routing.table import ClassifierRule, FilterRule, RouteTable, TopicRule


def told(router: Router, topic: str = "system", **options: Any) -> list[tuple[str, Any]]:
    """The list that the system events of a router come into."""
    got: list[tuple[str, Any]] = []
    router.subscribe(topic, lambda event: got.append((event.type, dict(event.data))), **options)
    return got


def test_announced_event_is_the_hosts_own() -> None:
    """Of topic `system`, made here and now."""
    router, got = Router(walltime=lambda: 7.0), list[Event]()
    router.subscribe("system", got.append)
    router.announce("host.note", {"n": 1}, epoch=3)
    made = got[0]
    assert (made.topic, made.type, made.epoch, made.origin) == ("system", "host.note", 3, "local")
    assert made.received_at.timestamp() == 7.0


@pytest.mark.parametrize("topic", ["system", "*"])
def test_p10_late_subscriber_gets_the_last_of_each_retained_first(topic: str) -> None:
    """The present states, one for each key, and then what comes; other events are not kept."""
    router = Router()
    router.announce("plugin.state", {"plugin": "a", "new": "waiting"}, key="a")
    router.announce("plugin.state", {"plugin": "b", "new": "failed"}, key="b")
    router.announce("plugin.state", {"plugin": "a", "new": "running"}, key="a")
    router.announce("host.note", {})
    got = told(router, topic)
    router.announce("host.note", {"n": 1})
    assert got == [
        ("plugin.state", {"plugin": "a", "new": "running"}),
        ("plugin.state", {"plugin": "b", "new": "failed"}),
        ("host.note", {"n": 1}),
    ]


def test_p10_retained_events_pass_the_condition_of_who_comes_late() -> None:
    """By key, by operator and by callable; other topics get none."""
    router = Router()
    for name in ("a", "b"):
        router.announce("plugin.state", {"plugin": name}, key=name)
    assert [data for _, data in told(router, where={"plugin": "b"})] == [{"plugin": "b"}]
    assert [data for _, data in told(router, where={"plugin": {"ne": "b"}})] == [{"plugin": "a"}]
    assert told(router, where=lambda event: event.data["no"]) == []
    assert told(router, "t") == []


@pytest.mark.parametrize(
    "where",
    [
        {"type": "plugin.state"},
        {"type": {"prefix": "plugin."}},
        {"type": ["plugin.state", "x"], "plugin": "a"},
        {"type": "plugin.state", "plugin": {"ne": "b"}},
    ],
)
@pytest.mark.parametrize("topic", ["system", "*"])
def test_p12_type_is_the_type_of_the_hosts_own_events(topic: str, where: dict[str, Any]) -> None:
    """It stands beside their data; whether retained or new, indexed or judged."""
    router = Router()
    state = {"plugin": "a"}
    router.announce("plugin.state", state, key="a")
    router.announce("connection.state", state, key="connection")
    got = told(router, topic, where=where)
    router.announce("host.note", state)
    router.announce("plugin.state", state)
    assert got == [("plugin.state", state)] * 2


def test_p12_type_is_not_a_field_of_the_same_name() -> None:
    """The notice of an unknown type holds that type in its data; it is found by its own."""
    router = Router()
    got, none = (
        told(router, where={"type": "message.unclassified"}),
        told(router, where={"type": "x"}),
    )
    router.route({"type": "x"}, 10, epoch=1, received=0.0)
    assert got == [("message.unclassified", {"type": "x", "keys": ["type"]})]
    assert none == []


@pytest.mark.parametrize("filters", [(), (FilterRule("p.keep", lambda event: event),)])
def test_p12_a_type_that_is_no_text_is_none(filters: tuple[FilterRule, ...]) -> None:
    """Such a message has an empty one, whether filters are there or not."""
    router = Router(RouteTable(filters=filters))
    numbered = told(router, "t", where={"type": 5})
    empty = [told(router, "t", where=where) for where in ({"type": ""}, {"type": {"prefix": ""}})]
    router.route({"topic": "t", "type": 5}, 10, epoch=1, received=0.0)
    assert numbered == []
    assert empty == [[("", {"topic": "t", "type": 5})]] * 2


def test_p12_filter_and_subscription_find_what_a_plugin_publishes_by_its_type() -> None:
    """A filter drops one type of a topic whose events do not hold their type."""
    rule = FilterRule("filter.1", lambda _: None, ("tools",), {"type": "tool.fine"})
    router = Router(RouteTable(filters=(rule,)))
    got = told(router, "tools", where={"type": {"prefix": "tool."}})
    for kind in ("tool.fine", "tool.failing", "other"):
        router.publish(Event("tools", kind, {"n": 1}, origin="local"))
    assert got == [("tool.failing", {"n": 1})]


def test_p10_whoever_leaves_at_the_first_retained_event_gets_no_second() -> None:
    """Clearing within the callback ends that too."""
    router, got = Router(), list[str]()
    for name in ("a", "b"):
        router.announce("plugin.state", {}, key=name)

    def leave(event: Event) -> None:
        got.append(event.type)
        router.clear()

    router.subscribe("system", leave)
    assert got == ["plugin.state"]


def test_c43_unknown_type_is_routed_under_its_name_and_announced_once() -> None:
    """Its subscribers get every one; `system` hears of the type one time, the count tells the rest."""
    router = Router()
    got, events = told(router), told(router, "novel")
    for _ in range(3):
        route(router, {"type": "novel", "n": 1})
    assert got == [("message.unclassified", {"type": "novel", "keys": ["n", "type"]})]
    assert len(events) == 3
    assert router.statistics().unclassified == {"novel": 3}


def test_c43_message_without_topic_and_type_is_that_event_alone() -> None:
    """It has no subscriber; it is counted and announced."""
    router = Router()
    got, events = told(router), told(router, "*", where={"n": 1})
    route(router, {"n": 1})
    route(router, {"n": 1, "topic": "", "type": None})
    assert got == [("message.unclassified", {"type": None, "keys": ["n"]})]
    assert events == []
    assert router.statistics().unclassified == {"(none)": 2}


def test_s11_foreign_names_are_escaped_and_cut() -> None:
    """In the event and in the counts: one line, of bounded length."""
    router = Router()
    got = told(router)
    route(router, {"type": "a\n\x1b[31m\u202e", "b\0": 1})
    route(router, {"type": "x" * 100_000, "y" * 100_000: 1})
    names = [data["type"] for _, data in got] + [key for _, data in got for key in data["keys"]]
    assert names[0] == "a\\n\\x1b[31m\\u202e"
    assert all(name.isprintable() and name.isascii() and len(name) <= 200 for name in names)
    assert set(router.statistics().unclassified) <= set(names)


def test_names_from_outside_are_counted_up_to_a_bound() -> None:
    """A server that invents topics and types fills a bounded table, and is not announced for ever."""
    router = Router()
    got = told(router)
    for number in range(1000):
        route(router, {"type": f"type-{number}"})
        route(router, {"topic": f"topic-{number}"})
    figures = router.statistics()
    assert len(figures.unclassified) == len(figures.routed) == 257
    assert sum(figures.unclassified.values()) == 1000
    assert sum(figures.routed.values()) == 2000 + len(got)
    assert len(got) == 256


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)
MESSAGES = st.dictionaries(st.sampled_from(["type", "topic", "n"]) | st.text(max_size=3), JSON)


@pytest.mark.unmeasured
@settings(max_examples=examples(20))  # each logs a dozen tracebacks
@given(st.lists(MESSAGES, max_size=5))
def test_any_object_is_routed_somewhere_and_nothing_raises(messages: list[dict[str, Any]]) -> None:
    """Each message becomes one event or one unclassified message, also among broken plugins."""
    table = RouteTable(
        topics=(TopicRule("n", "one", {"n": 1, "type": {"prefix": "a"}}),),
        classifiers=(ClassifierRule("one.broken", broken),),
        filters=(FilterRule("one.broken", broken, topics=("n",)),),
    )
    router, got = Router(table), list[Event]()
    router.subscribe("*", got.append)
    router.subscribe("*", broken)
    for message in messages:
        route(router, message)
    nowhere = [message for message in messages if router.classify(message).topic is None]
    arrived = [event for event in got if event.origin == "live"]
    dropped = sum(router.statistics().dropped.values())
    assert len(arrived) + len(nowhere) + dropped == len(messages)
    assert sum(router.statistics().unclassified.values()) >= len(nowhere)
