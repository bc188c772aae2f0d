"""Which routed topics the sinks are fed from."""

import pytest

from trunkline.activity.outbox import SinkKey, inbound_topics


@pytest.mark.parametrize(
    ("wanted", "inbound"),
    [
        ([("activity",)], ()),
        ([("audit", "activity"), ("approvals",)], ("approvals", "audit")),
        ([("audit",), ("*",)], ("*",)),
        ([("audit", "*")], ("*",)),
    ],
)
def test_an_event_is_stored_once_however_many_sinks_want_it(
    wanted: list[tuple[str, ...]], inbound: tuple[str, ...]
) -> None:
    """A sink for every topic must not make those of one topic come twice."""
    assert (
        inbound_topics([SinkKey(f"s.{n}", "s", topics) for n, topics in enumerate(wanted)])
        == inbound
    )
