"""Each request is told of when it is new, when its time is nearly over, and when it is over."""

from datetime import timedelta
from typing import Any

import attrs
from approval_bench import LATER, START

from trunkline_plugins.approval import Approval
from trunkline_plugins.approval.attention import Attention

REMIND = timedelta(seconds=60)


def request(request_id: str = "a", **fields: Any) -> Approval:
    asked = Approval(
        id=request_id,
        status="pending",
        updated_at=START,
        requested_at=START,
        expires_at=START + LATER,
    )
    return attrs.evolve(asked, **fields)


def words(attention: Attention, approval: Approval, second: float) -> list[str]:
    """Return the occasions of one request at a moment, as it then stands."""
    now = START + timedelta(seconds=second)
    return [occasion for occasion, _ in attention.due([approval.at(now)], now)]


def test_a_life_without_an_answer_has_three_occasions() -> None:
    """Each comes once, at its time."""
    attention = Attention(REMIND)
    asked = request()
    told = {second: words(attention, asked, second) for second in (0, 1, 239, 240, 241, 300, 301)}
    assert told == {
        0: ["new"],
        1: [],
        239: [],
        240: ["nearly over"],
        241: [],
        300: ["over"],
        301: [],
    }


def test_a_request_with_little_time_is_not_told_of_twice_at_once() -> None:
    """What was new a moment ago needs no reminder."""
    attention = Attention(REMIND)
    told = [words(attention, request(), second) for second in (250, 251, 300)]
    assert told == [["new"], [], ["over"]]


def test_an_answered_request_is_left_alone() -> None:
    """Neither reminder nor end; and one that was never open here is no news."""
    attention = Attention(REMIND)
    assert words(attention, request(), 0) == ["new"]
    assert words(attention, request(status="approved"), 250) == []
    assert words(attention, request("b", status="expired"), 0) == []


def test_more_time_gives_another_end() -> None:
    """The reminder and the end are told of again, the beginning is not."""
    attention = Attention(REMIND)
    told = [words(attention, request(), second) for second in (0, 240, 300)]
    longer = request(expires_at=START + 2 * LATER)
    told += [words(attention, longer, second) for second in (310, 545, 600)]
    assert told == [["new"], ["nearly over"], ["over"], [], ["nearly over"], ["over"]]


def test_without_reminder_there_is_none() -> None:
    """Zero is never; a request without a deadline has no end."""
    attention = Attention(timedelta(0))
    assert [words(attention, request(), second) for second in (0, 299)] == [["new"], []]
    assert words(attention, request("b", expires_at=None), 10**6) == ["new"]


def test_next_moment_is_the_first_of_all_that_come() -> None:
    """So whoever waits for it misses none."""
    attention = Attention(REMIND)
    soon, late = request(), request("b", expires_at=START + 2 * LATER)
    moments = [
        attention.next_moment([late, soon, request("c", expires_at=None)], START + moment)
        for moment in (timedelta(0), timedelta(seconds=240), LATER, 2 * LATER)
    ]
    seconds = [None if each is None else (each - START).total_seconds() for each in moments]
    assert seconds == [240, 300, 540, None]
    assert attention.next_moment([request(status="declined")], START) is None


def test_what_has_left_the_table_is_forgotten() -> None:
    """So the memory is as bounded as the table: a request that comes back is new again."""
    attention = Attention(REMIND)
    assert words(attention, request(), 0) == ["new"]
    assert attention.due([], START) == []
    assert words(attention, request(), 1) == ["new"]
