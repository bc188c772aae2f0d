"""The one record of the house, and the gap."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import attrs
import orjson
import pytest

from trunkline.errors import InvalidData
from trunkline.events import Event, Gap, Unsealed, uuid7

NOW = 1_795_380_645.5
DATA = {"type": "t", "payload": {"status": "RUNNING", "n": 0, "none": None}}


@attrs.frozen
class Typed:
    """What a plugin might ask for."""

    type: str
    payload: dict[str, Any]


@pytest.fixture(params=["made", "sealed"])
def event(request: pytest.FixtureRequest) -> Event:
    if request.param == "made":
        return Event("topic", "t", DATA, 3, "live", NOW)
    return Unsealed().sealed("topic", "t", DATA, 3, "live", NOW)


def test_nobody_can_change_it(event: Event) -> None:
    """Neither its fields nor its data: other subscribers see the same one."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.topic = "other"  # type: ignore[misc] # that is the point
    with pytest.raises(TypeError):
        event.data["type"] = "other"  # type: ignore[index] # that is the point
    assert type(event) is Event


def test_a_changed_copy_leaves_the_original(event: Event) -> None:
    """As filters make them."""
    copy = attrs.evolve(event, data={"type": "u"})
    assert (copy.data, copy.topic, copy.epoch) == ({"type": "u"}, "topic", 3)
    assert event.get("type") == "t"


def test_paths_lead_into_the_data(event: Event) -> None:
    """Dotted; what is not there, or null, is the default."""
    assert event.get("payload.status") == "RUNNING"
    assert event.get("payload.n", 5) == 0
    assert event.get("payload.none", "x") == "x"
    assert event.get("payload.status.deeper") is None
    assert event.get("nowhere", 1) == 1


def test_id_and_time_are_made_when_asked_for_and_kept(event: Event) -> None:
    """A UUIDv7 of the time of arrival; the time is aware UTC."""
    assert event.id == event.id
    assert UUID(event.id).version == 7
    assert UUID(event.id).int >> 80 == int(NOW * 1000)
    assert event.received_at == datetime.fromtimestamp(NOW, UTC)
    assert uuid7(1.0) < uuid7(2.0)


def test_a_typed_view_is_structured_once_and_shared(event: Event) -> None:
    """Per class; what does not fit is refused by its path, without its value."""
    assert event.as_(Typed) is event.as_(Typed)
    assert event.as_(Typed).payload["status"] == "RUNNING"
    broken = attrs.evolve(event, data={"type": 5, "payload": {}})
    with pytest.raises(InvalidData, match=r"Typed: \$\.type: expected"):
        broken.as_(Typed)


def test_one_line_of_json_says_everything(event: Event) -> None:
    """And what is nested too deeply to be written is refused by name."""
    line = orjson.loads(event.to_json())
    assert line["data"] == DATA
    assert (line["topic"], line["epoch"], line["origin"]) == ("topic", 3, "live")
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(InvalidData, match="topic topic"):
        attrs.evolve(event, data={"deep": deep}).to_json()


def test_neighbouring_gaps_are_one() -> None:
    """From the first to the last, with what both lost."""
    times = [datetime.fromtimestamp(NOW + n, UTC) for n in range(4)]
    gap = Gap("t", "overflow", times[0], times[1], 1, 5)
    merged = gap.merge(Gap("t", "reconnect", times[2], times[3], 2))
    assert (merged.since, merged.until, merged.epoch, merged.dropped) == (times[0], times[3], 2, 5)
    assert orjson.loads(merged.to_json())["gap"]["dropped"] == 5
