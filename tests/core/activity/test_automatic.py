"""Decorator and block: duration, outcome, named arguments; never a message, never anything else (A9)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio

from trunkline import Event, Tracker


@pytest.fixture
def tracker() -> Tracker:
    return Tracker(environ={}, strict=True)


def only(tracker: Tracker) -> tuple[str, dict[str, Any]]:
    """Return name and metadata of the one record, whose duration is checked."""
    [event] = recorded(tracker)
    metadata = dict(event.get("metadata"))
    assert 0 <= metadata.pop("duration_ms") < 60_000
    return event.get("name"), metadata


def recorded(tracker: Tracker) -> list[Event]:
    return list(tracker.take())


def test_a9_a_call_is_tracked_with_the_arguments_that_are_named(tracker: Tracker) -> None:
    """By position, by keyword or by default; the others are nobody's business."""

    @tracker.tracked("report.export", record=("format", "pages"))
    def export(path: str, format: str = "csv", *, pages: int = 1) -> str:  # noqa: A002 - as a user would
        """Export it."""
        return path

    assert export("secret.txt", pages=3) == "secret.txt"
    assert only(tracker) == ("report.export", {"format": "csv", "pages": 3, "outcome": "ok"})
    assert (export.__name__, export.__doc__) == ("export", "Export it.")


def test_a9_an_error_passes_on_and_only_its_class_is_recorded(tracker: Tracker) -> None:
    """Whatever its message holds."""

    @tracker.tracked("report.export", record=("n",))
    def export(n: int) -> float:
        return 1 / n

    with pytest.raises(ZeroDivisionError):
        export(0)
    assert only(tracker)[1] == {"n": 0, "outcome": "error", "error": "ZeroDivisionError"}
    with pytest.raises(TypeError, match="unexpected keyword"):
        export(m=1)  # type: ignore[call-arg] # what is tested
    assert only(tracker)[1] == {"outcome": "error", "error": "TypeError"}


async def test_a9_a_cancel_of_trio_is_one(
    tracker: Tracker, autojump_clock: trio.testing.MockClock
) -> None:
    """The exception passes on to its scope."""

    @tracker.tracked("nap")
    async def nap() -> None:
        await trio.sleep(60)

    with trio.move_on_after(1) as scope:
        await nap()
    assert scope.cancelled_caught
    assert only(tracker) == ("nap", {"outcome": "cancelled"})


def test_a9_so_is_a_cancel_of_asyncio(tracker: Tracker) -> None:
    """And what returns is ok there, too."""

    @tracker.tracked("nap", record=("seconds",))
    async def nap(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "slept"

    async def program() -> None:
        assert await nap(0) == "slept"
        assert only(tracker)[1] == {"seconds": 0, "outcome": "ok"}
        task = asyncio.ensure_future(nap(60))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert only(tracker)[1] == {"seconds": 60, "outcome": "cancelled"}

    asyncio.run(program())


def test_a9_a_block_is_tracked_with_what_it_says(tracker: Tracker) -> None:
    """But for our own keys, which it cannot set."""
    with tracker.during("report.export") as metadata:
        metadata["rows"] = 12
        metadata["outcome"] = "splendid"
    assert only(tracker) == ("report.export", {"rows": 12, "outcome": "ok"})
    with pytest.raises(KeyboardInterrupt), tracker.during("report.export"):
        raise KeyboardInterrupt
    assert only(tracker)[1] == {"outcome": "cancelled"}


def test_a9_a_generator_is_refused_when_decorated(tracker: Tracker) -> None:
    """Its work begins after the call: the duration would be nothing."""

    def rows() -> Iterator[int]:
        yield 1

    async def rows_async() -> AsyncIterator[int]:
        yield 1

    for function in (rows, rows_async):
        with pytest.raises(TypeError, match="put `during` into its body"):
            tracker.tracked("rows")(function)


def test_a9_an_argument_that_does_not_exist_is_refused_when_decorated(tracker: Tracker) -> None:
    """Not when it is called, in front of a customer."""
    with pytest.raises(TypeError, match="has no `formt`"):
        tracker.tracked("x", record=("formt",))(lambda form: form)


def test_a_disabled_tracker_changes_nothing_for_a_function(tracker: Tracker) -> None:
    """It is called, and nothing is recorded."""
    tracker.disable()
    assert tracker.tracked("x")(lambda: 5)() == 5
    assert recorded(tracker) == []
