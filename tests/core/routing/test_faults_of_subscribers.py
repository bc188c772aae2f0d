"""What subscribers, conditions and rules do wrong is counted for its owner, and logged without a flood."""

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from router_bench import broken, route

from trunkline.events import Event, Gap
from trunkline.routing.router import Router
from trunkline.routing.table import ClassifierRule, FilterRule, RouteTable

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
GAP = Gap("*", "reconnect", MOMENT, MOMENT, 2)


def lines(caplog: pytest.LogCaptureFixture) -> list[Mapping[str, Any]]:
    """The records so far."""
    return [vars(record) for record in caplog.records]


def test_p16_first_error_has_a_traceback_then_one_line_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However often it fails; each subscription's topic for itself."""
    now = 0.0
    router = Router(clock=lambda: now)
    router.subscribe("t", broken, owner="bad")
    router.subscribe("u", broken, owner="bad")
    for now in (0.0, 1.0, 59.0, 60.0, 61.0, 200.0):  # noqa: B007 - read by the clock
        router.publish(Event("t", "k", {"secret": "canary"}))
    router.publish(Event("u", "k", {}))
    found = lines(caplog)
    assert [(line["msg"], line["subscription"], line["count"]) for line in found] == [
        ("handler.failed", "t", 1),
        ("handler.failed", "t", 4),
        ("handler.failed", "t", 6),
        ("handler.failed", "u", 1),
    ]
    assert [line["exc_info"] is not None for line in found] == [True, False, False, True]
    assert found[0]["plugin"] == "bad"
    assert "canary" not in caplog.text
    assert router.statistics().handler_errors == {"bad": 7}


def test_gp2_gap_without_on_gap_is_logged_and_counted_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A thousand subscribers of a topic make one line."""
    router = Router(clock=lambda: 0.0)
    for _ in range(1000):
        router.subscribe("t", lambda _: None, owner="plugin")
    router.gap(GAP)
    (line,) = lines(caplog)
    assert (line["msg"], line["subscription"], line["cause"]) == (
        "subscription.gap",
        "t",
        "reconnect",
    )


def test_rule_that_fails_is_logged_with_its_name_and_without_a_flood(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A broken filter or classifier is a person's business, once."""
    table = RouteTable(
        classifiers=(ClassifierRule("one.ask", broken, whole=True),),
        filters=(FilterRule("two.mask", broken),),
    )
    router = Router(table, clock=lambda: 0.0)
    for _ in range(5):
        route(router, {"type": "a"})
    assert [(line["msg"], line["plugin"]) for line in lines(caplog)] == [
        ("rule.failed", "one.ask"),
        ("rule.failed", "two.mask"),
    ]
    assert all(record.levelno == logging.WARNING for record in caplog.records)


def test_log_about_many_topics_stays_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """Beyond a few hundred the rest share a line."""
    router = Router(clock=lambda: 0.0)
    for number in range(400):
        router.subscribe(f"t{number}", broken)
        router.publish(Event(f"t{number}", "k", {}))
    assert len(caplog.records) == 257
    assert router.statistics().handler_errors == {"": 400}


def test_time_in_line_is_counted_against_the_plugin() -> None:
    """Only a plugin's; also when it raises."""
    router = Router()
    router.subscribe("t", lambda _: time.sleep(0.01), owner="busy")
    router.subscribe("t", broken, owner="broken")
    router.subscribe("t", lambda _: time.sleep(0.01))
    for _ in range(2):
        router.publish(Event("t", "k", {}))
    seconds = router.statistics().handler_seconds
    assert set(seconds) == {"busy", "broken"}
    assert seconds["busy"] >= 0.02
    assert seconds["broken"] > 0


@pytest.mark.parametrize("message", [{"type": "new"}, {"type": "a", "topic": "b"}, {"topic": "b"}])
def test_p16_what_a_handler_raises_comes_of_nothing_of_ours(
    message: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Its traceback shows the handler's error alone, also where the fast path knows no topic yet."""

    def fail(_: Event) -> None:
        raise ValueError("the handler's")

    router = Router()
    router.subscribe("*", fail)
    router.route_batch([orjson.dumps(message)], orjson.loads, lambda _: None, 1, 0.0)
    [exc] = [each.exc_info[1] for each in caplog.records if each.exc_info]
    assert isinstance(exc, ValueError)
    assert exc.__context__ is None
