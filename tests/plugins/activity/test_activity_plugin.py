"""Activity from the server has classes; activity recorded here goes up, whole or again."""

from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from trunkline import Event, NotSent, OutcomeUnknown
from trunkline.plugin_api import NotReady
from trunkline_plugins import activity
from trunkline_plugins.activity import ActivityConfig, ActivityUpdate
from trunkline_plugins.sinks.console import ConsoleSettings


@attrs.define
class Link:
    """Notes what happens on it; raises where it is told to."""

    send_error: Exception | None = None
    barrier_error: Exception | None = None
    calls: list[object] = attrs.Factory(list)

    async def send(self, message: Event) -> None:
        if self.send_error is not None:
            raise self.send_error
        self.calls.append(message)

    async def barrier(self) -> None:
        if self.barrier_error is not None:
            raise self.barrier_error
        self.calls.append("barrier")


def batch() -> Sequence[Event]:
    return [Event("activity", "action", {"name": f"a.{n}"}, origin="local") for n in range(3)]


def test_every_recorded_activity_structures_whole(frames: tuple[dict[str, Any], ...]) -> None:
    """What a real server has sent has a class with a field for all of it."""
    recorded = [frame for frame in frames if frame["type"] == ActivityUpdate.type]
    assert len(recorded) >= 4
    for frame in recorded:
        view: Any = Event("activity", frame["type"], frame).as_(ActivityUpdate)
        names = {field.name for field in attrs.fields(activity.Activity)}
        assert set(frame["activity"]) <= names
        assert view.activity.event_type == frame["activity"]["event_type"]
        assert view.activity.own_id is None


@pytest.mark.parametrize(
    ("event_data", "own_id"),
    [
        ({"_trunkline": {"id": "019a"}, "format": "csv"}, "019a"),
        ({"_trunkline": "019a"}, None),
        ({"_trunkline": {"id": 7}}, None),
        (None, None),
    ],
)
def test_own_activity_is_told_by_its_id(event_data: object, own_id: str | None) -> None:
    """What was recorded here comes back with the id it was given."""
    record = {"id": "x", "event_type": "action", "timestamp": "2026-11-22T20:50:45+00:00"}
    data = {"type": "activity_update", "activity": {**record, "event_data": event_data}}
    assert Event("activity", "activity_update", data).as_(ActivityUpdate).activity.own_id == own_id


async def test_upstream_sends_in_order_and_waits_for_the_server() -> None:
    """A batch is delivered when the ping behind it was answered, not before."""
    link, events = Link(), batch()
    await activity.upstream(events, link)
    assert link.calls == [*events, "barrier"]


async def test_upstream_without_a_link_is_not_ready() -> None:
    """What has not left is no failure of the batch: it waits."""
    with pytest.raises(NotReady, match="being stopped"):
        await activity.upstream(batch(), Link(send_error=NotSent("being stopped")))


async def test_upstream_with_an_unknown_outcome_passes_that_on() -> None:
    """A link lost with the batch unconfirmed is the delivery's to judge: it tries again."""
    with pytest.raises(OutcomeUnknown):
        await activity.upstream(batch(), Link(barrier_error=OutcomeUnknown("lost")))


def test_sinks_of_one_name_are_refused() -> None:
    """A name keys what was delivered, so two sinks cannot share it, nor take `upstream`."""
    with pytest.raises(ValueError, match="`console`; give one a `name`"):
        ActivityConfig(sinks=(ConsoleSettings(), ConsoleSettings()))
    with pytest.raises(ValueError, match="`upstream`"):
        ActivityConfig(sinks=(ConsoleSettings(name="upstream"),))
    ActivityConfig(sinks=(ConsoleSettings(), ConsoleSettings(name="second")))
