"""Which routed topics the sinks are fed from."""

import random

import pytest

from trunkline.activity.activity import Activity
from trunkline.activity.sinks import SinkRule
from trunkline.activity.tracker import Tracker


async def take(_: object) -> None:
    """Deliver nowhere."""


@pytest.mark.parametrize(
    ("wanted", "inbound"),
    [
        ([("activity",)], ()),
        ([("audit", "activity"), ("approvals",)], ("approvals", "audit")),
        ([("audit",), ("*",)], ("*",)),
        ([("audit", "*")], ("*",)),
    ],
)
def test_an_event_is_offered_once_however_many_sinks_want_it(
    wanted: list[tuple[str, ...]], inbound: tuple[str, ...]
) -> None:
    """A sink for every topic must not make those of one topic come twice."""
    rules = [SinkRule(f"s.{n}", "s", take, topics=topics) for n, topics in enumerate(wanted)]
    assert Activity(Tracker(), rules, random.Random(1)).inbound_topics() == inbound
