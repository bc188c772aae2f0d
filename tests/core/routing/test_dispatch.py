"""From an event to those who want it: conditions, order, snapshots, errors of others."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from panic import Panic

from trunkline.events import Event
from trunkline.routing.router import Router
from trunkline.routing.table import FilterRule, RouteTable
from trunkline.where import WhereError, compile_where


def event(topic: str = "t", **data: object) -> Event:
    """An event of type `test`."""
    return Event(topic, "test", data)


def numbers(into: list[object]) -> Callable[[Event], None]:
    """A callback that keeps each event's `n`."""
    return lambda event: into.append(event.get("n"))


def test_route_makes_one_event_for_all_its_receivers() -> None:
    """Whoever gets it gets the same record, with what the message and its reader said."""
    router, got = Router(), list[Event]()
    router.subscribe("t", got.append)
    router.subscribe("*", got.append)
    router.route({"topic": "t", "type": "k", "n": 1}, 30, epoch=4, received=1.5, origin="replay")
    assert got[0] is got[1]
    made = got[0]
    assert (made.topic, made.type, made.epoch, made.origin) == ("t", "k", 4, "replay")
    assert made.received_at.timestamp() == 1.5
    assert made.get("n") == 1


def test_route_without_a_type_has_an_empty_one() -> None:
    """A message that names its topic needs no type, and one that is no text is none."""
    router, got = Router(), list[Event]()
    router.subscribe("t", got.append)
    router.route({"topic": "t"}, 0, epoch=1, received=0.0)
    router.route({"topic": "t", "type": 5}, 0, epoch=1, received=0.0)
    assert [each.type for each in got] == ["", ""]


def test_dispatch_reaches_the_topic_first_and_then_everybody() -> None:
    """Subscribers of the topic come before those of `*`; other topics hear nothing."""
    router, got = Router(), list[str]()
    router.subscribe("*", lambda _: got.append("*"))
    router.subscribe("t", lambda _: got.append("t"))
    router.subscribe("other", lambda _: got.append("other"))
    router.publish(event())
    assert got == ["t", "*"]


@pytest.mark.parametrize(
    ("where", "hits"),
    [
        (None, [1, 2, 3]),
        ({"n": 1}, [1]),
        ({"n": [1, 3]}, [1, 3]),
        ({"n": [1, 1, 1.0]}, [1]),
        ({"n": {"ge": 2}}, [2, 3]),
        ({"n": 2, "inner.m": 2}, [2]),
        ({"n": 2, "inner.m": 1}, []),
        ({"inner.m": [1, 2], "n": {"ne": 1}}, [2]),
        ({}, [1, 2, 3]),
        (lambda event: event.get("n") == 3, [3]),
        (lambda event: event.get("n") and "truthy", [1, 2, 3]),
    ],
)
def test_p12_where_selects(where: Any, hits: list[int]) -> None:
    """Values, collections, operators, several at once, and callables."""
    router, got = Router(), list[object]()
    router.subscribe("t", numbers(got), where=where)
    for n in (1, 2, 3):
        router.publish(event(n=n, inner={"m": n}))
    assert got == hits


VALUES = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x", 1.0])
WHERES = st.dictionaries(
    st.sampled_from(["a", "b", "c.d"]),
    VALUES | st.lists(VALUES, min_size=1, max_size=3) | st.fixed_dictionaries({"ne": VALUES}),
    max_size=3,
)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "a": VALUES,
        "b": VALUES | st.lists(VALUES),
        "c": st.fixed_dictionaries({"d": VALUES}),
    },
)


@settings(deadline=None)
@given(st.lists(WHERES, max_size=6), st.sets(st.integers(0, 5)), DATA)
def test_index_finds_whom_asking_everybody_would_find(
    wheres: list[Mapping[str, Any]], leaving: set[int], data: dict[str, Any]
) -> None:
    """The index is only quicker; and it forgets those who left."""
    router, got = Router(), list[int]()
    undos = [
        router.subscribe("t", lambda _, number=number: got.append(number), where=where)  # type: ignore[misc] # mypy sees no type in a lambda's default
        for number, where in enumerate(wheres)
    ]
    for number in leaving & set(range(len(undos))):
        undos[number]()
    router.publish(event(**data))
    assert sorted(got) == [
        number
        for number, where in enumerate(wheres)
        if number not in leaving and compile_where(where).holds(data)
    ]


class Status(StrEnum):
    """A plugin's own events may hold such values."""

    DONE = "done"


def test_index_finds_by_values_that_are_kinds_of_text() -> None:
    """A `StrEnum` is the text it is, in the condition and in the data."""
    router, got = Router(), list[object]()
    router.subscribe("t", numbers(got), where={"status": "done"})
    router.subscribe("t", numbers(got), where={"status": Status.DONE})
    router.publish(event(n=1, status=Status.DONE))
    router.publish(event(n=2, status="done"))
    assert got == [1, 1, 2, 2]


def test_s14_dispatch_judges_only_whom_the_key_fits() -> None:
    """Whoever else waits for another key costs nothing: their conditions are not looked at."""
    router, asked = Router(), list[int]()

    class Watched(dict[str, Any]):
        def get(self, key: str, default: object = None) -> object:
            if key == "n":
                asked.append(1)
            return super().get(key, default)

    for number in range(1000):
        router.subscribe("t", len, where={"id": f"{number}", "kind": "a", "n": {"gt": 0}})  # type: ignore[arg-type] # never called
    router.publish(Event("t", "test", Watched(type="test", id="7", kind="b", n=1)))
    assert asked == []
    router.publish(Event("t", "test", Watched(type="test", id="7", kind="a", n=0)))
    assert asked == [1]


def test_su4_unsubscribed_within_a_handler_gets_nothing_more() -> None:
    """Also when its turn in the same dispatch was still to come."""
    router, got = Router(), list[str]()

    def first(_: Event) -> None:
        got.append("first")
        undo_second()

    router.subscribe("t", first)
    undo_second = router.subscribe("t", lambda _: got.append("second"))
    router.publish(event())
    assert got == ["first"]


@pytest.mark.parametrize("topic", ["t", "*"])
def test_su4_subscribed_within_a_handler_gets_the_next_event(topic: str) -> None:
    """And not the one that is being dispatched, whatever it subscribes to."""
    router, got = Router(), list[object]()

    def subscribe(event: Event) -> None:
        if event.get("n") == 1:
            router.subscribe(topic, numbers(got))

    router.subscribe("t", subscribe)
    for n in (1, 2):
        router.publish(event(n=n))
    assert got == [2]


def test_su4_clear_within_a_handler_ends_all_at_once() -> None:
    """Nobody hears anything after it, the caller included."""
    router, got = Router(), list[object]()
    router.subscribe("t", lambda _: got.append(router.clear()))
    for _ in range(3):
        router.subscribe("t", numbers(got))
    router.publish(event(n=1))
    router.publish(event(n=2))
    assert got == [4]


@pytest.mark.parametrize("error", [ValueError("x"), RecursionError(), SystemExit(3), Panic()])
def test_p16_handler_that_raises_touches_nobody_else(error: BaseException) -> None:
    """The others get the event, and the one that raised gets the next."""
    router, got = Router(), list[object]()

    def broken(event: Event) -> None:
        got.append("broken")
        raise error

    router.subscribe("t", broken, owner="bad")
    router.subscribe("t", numbers(got), owner="good")
    for n in (1, 2):
        router.publish(event(n=n))
    assert got == ["broken", 1, "broken", 2]
    assert router.statistics().handler_errors == {"bad": 2}


def test_where_callable_that_raises_is_no_match_and_counted() -> None:
    """A broken condition is its subscriber's error, and nobody else's."""
    router, got = Router(), list[object]()
    router.subscribe("t", numbers(got), where=lambda event: event.data["no"], owner="bad")
    router.subscribe("t", numbers(got))
    router.publish(event(n=1))
    assert got == [1]
    assert router.statistics().handler_errors == {"bad": 1}


def test_subscribe_refuses_what_could_never_work() -> None:
    """A topic that is none, a condition that is none: told where it is written."""
    router = Router()
    with pytest.raises(ValueError, match="no topic"):
        router.subscribe("two words", len)  # type: ignore[arg-type] # never called
    with pytest.raises(WhereError):
        router.subscribe("t", len, where={"a": {"like": "b"}})  # type: ignore[arg-type] # never called
    assert router.subscription_count() == 0


def mask(event: Event) -> Event:
    """A filter that changes."""
    return attrs.evolve(event, data={**event.data, "secret": "***"})


def filtered(*rules: FilterRule) -> tuple[Router, list[Mapping[str, Any]]]:
    """A router with filters, and what passes them."""
    router, got = Router(RouteTable(filters=rules)), list[Mapping[str, Any]]()
    router.subscribe("*", lambda event: got.append(dict(event.data)))
    return router, got


def test_filters_change_drop_and_leave_alone() -> None:
    """Each is asked for its topics and its condition only, in order, on both ways in."""
    router, got = filtered(
        FilterRule("one.mask", mask, topics=("t",), where={"n": [1, 2]}),
        FilterRule("two.drop", lambda _: None, where=lambda event: event.get("n") == 2),
    )
    for n in (1, 2, 3):
        router.route({"topic": "t", "n": n}, 9, epoch=1, received=0.0)
    router.publish(event("u", n=1))
    assert got == [{"topic": "t", "n": 1, "secret": "***"}, {"topic": "t", "n": 3}, {"n": 1}]
    assert router.statistics().dropped == {("two.drop", "filtered"): 1}


def raise_error(_: Event) -> Event:
    """A filter that is broken."""
    raise ValueError


@pytest.mark.parametrize(
    "rule",
    [
        FilterRule("one.broken", raise_error),
        FilterRule("one.broken", mask, where=raise_error),  # type: ignore[arg-type] # wrong on purpose
        FilterRule("one.broken", lambda _: True),  # type: ignore[arg-type, return-value] # wrong on purpose
    ],
)
def test_filter_that_fails_drops_the_event(rule: FilterRule) -> None:
    """A broken mask is no open door; the event is counted and goes no further."""
    router, got = filtered(rule, FilterRule("two.mask", mask))
    router.publish(event())
    assert got == []
    assert router.statistics().dropped == {("one.broken", "filter failed"): 1}


def test_filters_never_see_what_the_host_says() -> None:
    """It passes, whatever a filter would do; a server's message on `system` does not get around."""
    router, got = filtered(FilterRule("one.drop", lambda _: None))
    router.announce("host.note", {"n": 1})
    router.publish(Event("system", "host.note", {"n": 2}))
    assert got == [{"n": 1}]


def test_filter_may_move_an_event_to_another_topic() -> None:
    """It is dispatched and counted where it ends up."""
    router = Router(RouteTable(filters=(FilterRule("a.b", lambda e: attrs.evolve(e, topic="u")),)))
    got: list[object] = []
    router.subscribe("u", numbers(got))
    router.publish(event(n=1))
    assert got == [1]
    assert router.statistics().routed == {"u": 1}
