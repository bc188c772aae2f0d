"""The fast path does what the slow one does: same receivers, same order, same counts."""

import logging
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.connection.protocol import REPLIES, fallback_rules
from trunkline.events import Event
from trunkline.routing.router import Router
from trunkline.routing.table import FilterRule, RouteTable, TopicRule

Subscribed = tuple[str, Any, str, bool]  # topic, where, owner, whether its callback raises

values = st.sampled_from([None, True, 1, 1.0, "x", "", [1], {"b": "x"}])
KINDS = ["status_update", "agent_log_line", "own", "odd", "ping", "", 5, [1]]
#: From now on there is something to remember.
SEEN = [orjson.dumps({"type": kind}) for kind in KINDS]
messages = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["status_update"] * 6 + KINDS),
        "topic": st.sampled_from([None, "flow_executions", "approvals", "no topic", 7]),
        "a": values,
        "c": values,
    },
)  # fmt: skip
payloads = st.lists(
    messages.map(orjson.dumps) | st.sampled_from([b"{", b"[1]", b"7", b'"text"', b"null"]),
    max_size=12,
)
wheres = st.sampled_from(
    [
        None, {"a": "x"}, {"a": [1, None]}, {"a": "x", "c": True}, {"c.b": "x"}, {"a": {"ne": "x"}},
        lambda event: event.get("a") == "x", lambda event: event.data["a"],
    ]
)  # fmt: skip
subscriptions = st.lists(
    st.tuples(
        st.sampled_from(["flow_executions", "approvals", "own", "*"]),
        wheres,
        st.sampled_from(["", "plugin"]),
        st.booleans(),
    ),
    max_size=5,
)
tables = st.sampled_from(
    [
        RouteTable(fallbacks=fallback_rules()),
        RouteTable(
            topics=(TopicRule("own", "plugin", {"type": "own"}),),
            filters=(FilterRule("a.b", lambda event: event if event.get("a") else None),),
            fallbacks=fallback_rules(),
        ),
        RouteTable(
            topics=(TopicRule("own", "plugin", {"type": "own", "a": "x"}),),
            fallbacks=fallback_rules(),
        ),
    ]
)


def outcome(
    table: RouteTable, wanted: list[Subscribed], batches: list[list[bytes]], *, fast: bool
) -> tuple[object, ...]:
    """Return who got what, in order, what was put aside, and what was counted."""
    router = Router(table, walltime=lambda: 1.0, clock=lambda: 1.0)
    router.reserve(REPLIES)
    got: list[object] = []
    aside: list[object] = []

    def subscribe(number: int, topic: str, where: Any, owner: str, raises: bool) -> None:
        def callback(event: Event) -> None:
            got.append((number, event.topic, event.type, dict(event.data), event.epoch))
            if raises:
                raise ValueError

        router.subscribe(topic, callback, where, owner=owner)

    for number, each in enumerate(wanted):
        subscribe(number, *each)
    for batch in batches:
        if fast:
            router.route_batch(batch, orjson.loads, aside.append, 3, 2.0)
            continue
        for payload in batch:
            try:
                message = orjson.loads(payload)
            except ValueError:
                message = None
            if type(message) is not dict or not router.route(message, len(payload), 3, 2.0):
                aside.append(message)
    counted = attrs.asdict(router.statistics())
    counted["handler_seconds"] = [*counted["handler_seconds"]]
    return got, aside, counted


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Callbacks raise by the hundred here."""
    caplog.set_level(logging.CRITICAL)


@settings(max_examples=100, deadline=None)
@given(tables, subscriptions, st.lists(payloads, max_size=3))
def test_a_batch_does_what_its_messages_would_do_one_by_one(
    table: RouteTable, wanted: list[Subscribed], batches: list[list[bytes]]
) -> None:
    """Types known or new, named topics, replies, what is no object; conditions, errors, filters."""
    batches = [SEEN, *batches]
    quick = outcome(table, wanted, batches, fast=True)
    assert quick == outcome(table, wanted, batches, fast=False)


def test_a_callback_that_clears_ends_the_others_within_the_batch() -> None:
    """Removed means nothing more, also where the next message is already here."""
    router, got = Router(RouteTable(fallbacks=fallback_rules())), list[object]()

    def clear(event: Event) -> None:
        got.append(event.get("n"))
        if event.get("n") == 2:
            router.clear()

    router.subscribe("flow_executions", clear)
    router.subscribe("flow_executions", lambda _: got.append("other"))
    batch = [orjson.dumps({"type": "status_update", "n": n}) for n in (1, 2, 3)]
    router.route_batch(batch, orjson.loads, got.append, 1, 0.0)
    assert got == [1, "other", 2]
    assert router.statistics().routed == {"flow_executions": 3}


def test_a_named_topic_counts_more_than_a_type_that_is_known() -> None:
    """Also in a batch, also for a reply that names one."""
    router, got = Router(RouteTable(fallbacks=fallback_rules())), list[str]()
    router.reserve(REPLIES)
    router.subscribe("*", lambda event: got.append(event.topic))
    batch = [
        b'{"type":"status_update"}',
        b'{"type":"status_update","topic":"approvals"}',
        b'{"type":"subscription_ack","topic":"approvals"}',
        b'{"type":"status_update","topic":null}',
    ]
    aside: list[object] = []
    router.route_batch(batch, orjson.loads, aside.append, 1, 0.0)
    assert got == ["flow_executions", "approvals", "flow_executions"]
    assert aside == [orjson.loads(batch[2])]
