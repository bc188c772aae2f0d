"""How old an execution is, by clocks that may be wrong."""

from datetime import UTC, datetime, timedelta

import pytest
import trio
from trio.testing import MockClock

from trunkline import Event
from trunkline_plugins.flow import Execution
from trunkline_plugins.flow.age import Ages

TOPIC = "flow_executions"
START = datetime(2026, 1, 1, tzinfo=UTC)


def said(seconds: float, kind: str = "agent_status") -> Event:
    """Return an event that says that it is so many seconds after `START`."""
    at = (START + timedelta(seconds=seconds)).isoformat()
    return Event(TOPIC, kind, {"type": kind, "timestamp": at})


def run_of(name: str, started: float) -> Execution:
    at = START + timedelta(seconds=started)
    return Execution(id=name, started_at=at, updated_at=at)


async def test_ages_are_those_of_most_events(autojump_clock: MockClock) -> None:
    """One that is a day wrong, at first or later, moves nothing; fewer than three say nothing."""
    ages, old, other = Ages(), run_of("old", -1000), run_of("other", 0)
    ages.saw(said(86_400), other)
    assert ages.age(old) == 0
    await trio.sleep(10)
    ages.saw(said(10), other)
    assert ages.age(old) == 10
    ages.saw(said(10), other)
    assert ages.age(old) == 1010
    for wrong in (86_400, -86_400, 86_400):
        await trio.sleep(10)
        ages.saw(said(wrong), other)
        ages.saw(said(trio.current_time()), other)
    assert ages.age(old) == pytest.approx(1040)


async def test_ages_are_bounded_by_our_own_clock(autojump_clock: MockClock) -> None:
    """Below for all, above for those that were seen to start; what is gone is forgotten."""
    ages, begun, found = Ages(), run_of("begun", 0), run_of("found", 0)
    ages.saw(said(0, "execution_started"), begun)
    assert ages.age(begun) == ages.age(found) == 0
    await trio.sleep(60)
    for _ in range(9):
        ages.saw(said(86_400), found)
    assert (ages.age(begun), ages.age(found)) == (65, 86_400)
    for _ in range(9):
        ages.saw(said(-86_400), found)
    assert (ages.age(begun), ages.age(found)) == (60, 60)
    ages.forget_others({"found"})
    assert (ages.age(begun), ages.age(found)) == (0, 60)
