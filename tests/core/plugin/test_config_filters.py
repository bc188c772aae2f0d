"""The filters that a file declares without code."""

import random
from collections.abc import Mapping
from typing import Any

from trunkline import Event
from trunkline.config import FilterSettings
from trunkline.plugin.filters import filters_from_config
from trunkline.routing.router import Router
from trunkline.routing.table import RouteTable


def passed(settings: list[FilterSettings], *messages: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the data of what is left of events of topic `audit`."""
    rules = filters_from_config(settings, random.Random(1))
    router = Router(RouteTable(filters=rules))
    left: list[Mapping[str, Any]] = []
    router.subscribe("audit", lambda event: left.append(dict(event.data)))
    for message in messages:
        router.publish(Event("audit", "test", message))
    return left


def test_drop_takes_what_holds_to_where() -> None:
    """And nothing else; another topic is not its business."""
    where = {"payload.action": {"prefix": "debug_"}}
    settings = [
        FilterSettings(topic="audit", action="drop", where=where),
        FilterSettings(topic="other", action="drop"),
    ]

    left = passed(settings, {"payload": {"action": "debug_x"}}, {"payload": {"action": "login"}})

    assert left == [{"payload": {"action": "login"}}]


def test_redact_replaces_values_and_leaves_the_original() -> None:
    """At dotted paths, through lists too; what is not there is not added."""
    message = {
        "ip": "10.0.0.1",
        "payload": {"ip": "10.0.0.1", "users": [{"mail": "a", "n": 1}, {"mail": "b"}, 7]},
    }
    keys = ("payload.ip", "payload.users.mail", "gone", "payload.users.gone", "ip.deeper")

    [left] = passed([FilterSettings(topic="*", action="redact", keys=keys)], message)

    assert left == {
        "ip": "10.0.0.1",
        "payload": {
            "ip": "[redacted]",
            "users": [{"mail": "[redacted]", "n": 1}, {"mail": "[redacted]"}, 7],
        },
    }
    assert message["payload"]["ip"] == "10.0.0.1"  # type: ignore[index] # it is a dict


def test_sample_keeps_its_share() -> None:
    """By the random numbers it is given: the same seed keeps the same events."""
    settings = [FilterSettings(topic="audit", action="sample", keep=0.1)]
    messages = [{"n": number} for number in range(10_000)]

    left = passed(settings, *messages)

    assert left == passed(settings, *messages)
    assert 900 < len(left) < 1100


def test_sample_of_all_and_of_nothing() -> None:
    """The two ends are exact."""
    for keep, count in ((1.0, 100), (0.0, 0)):
        settings = [FilterSettings(topic="audit", action="sample", keep=keep)]
        assert len(passed(settings, *({"n": number} for number in range(100)))) == count


def test_filters_are_asked_in_the_order_of_the_file() -> None:
    """Their names say which entry they are."""
    settings = [FilterSettings(topic="audit", action="drop")] * 2

    rules = filters_from_config(settings, random.Random(1))

    assert [rule.name for rule in rules] == ["filter.1", "filter.2"]
