"""The judge is tested before it is believed: planted faults are found, odd-looking truths pass."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from examples import examples
from hypothesis import given, settings
from planted import PLANTED, TEN, outgoing, stream

from trunkline.simulator.ledger import PROMISES, BrokenPromise, Ledger

JUDGED = tuple(promise.name for promise in PROMISES if promise.is_judged)


@pytest.mark.parametrize(("plant", "row", "words"), PLANTED)
def test_a_planted_fault_is_found_and_named(
    plant: Callable[[], Ledger], row: str, words: str
) -> None:
    """By the right row, with the entries that show it, in at most nine lines."""
    with pytest.raises(BrokenPromise) as caught:
        plant().verify(*JUDGED)
    assert caught.value.row == row
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 9


@pytest.mark.parametrize(("plant", "row", "words"), PLANTED)
def test_a_row_that_is_not_asked_for_does_not_fail(
    plant: Callable[[], Ledger], row: str, words: str
) -> None:
    """Who asks for less gets the figures."""
    others = [name for name in JUDGED if name != row]
    assert plant().verify(*others).delivered >= 0


def test_a_history_without_a_fault_tells_its_figures() -> None:
    """Sent, delivered, stored, written."""
    report = stream(TEN).verify("B1", "B2")
    assert (report.sent, report.delivered, report.inside_gaps, report.gaps) == (20, 10, 0, 0)
    report = outgoing().verify("B3", "B4")
    assert (report.stored, report.written, report.repeats) == (100, 100, 0)


def test_repeats_within_the_allowed_batch_pass() -> None:
    """64 after one crash, 64 after the next; none without a crash."""
    assert outgoing(repeats=64, kills=1).verify("B4").repeats == 64
    with pytest.raises(BrokenPromise):
        outgoing(repeats=1).verify("B4")


def test_a_loss_that_a_gap_covers_passes() -> None:
    """Of a reconnect without a count, of an overflow with the exact one."""
    report = stream([0, 1, 2, 6, 7, 8, 9], lost=frozenset({6})).verify("B1", "B2")
    assert (report.inside_gaps, report.gaps) == (3, 1)
    assert stream([0, 1, 2, 6, 7, 8, 9], overflow={6: 3}).verify("B1", "B2").inside_gaps == 3


def test_a_back_fill_that_comes_late_and_repeats_passes() -> None:
    """Beside the live events, in no order."""
    ledger = stream([0, 1, 2, 6, 7, 8, 9], lost=frozenset({6}))
    for number in (5, 4, 3, 3, 9):
        ledger.delivered(number, "reader", 1, "audit", "backfill")
    assert ledger.verify("B1", "B2").backfilled == 5


def test_what_was_sent_before_anything_was_promised_may_be_missing_or_come() -> None:
    """Before READY, and before the subscription."""
    ledger = Ledger()
    ledger.sent(0)
    ledger.ready()
    ledger.sent(1)
    ledger.subscribed("late")
    ledger.sent(2)
    ledger.delivered(1, "late", 1)
    ledger.delivered(2, "late", 1)
    assert ledger.verify("B1").delivered == 2


def test_a_subscriber_nobody_knows_is_a_fault_of_the_test() -> None:
    """It is named, not passed over."""
    ledger = Ledger()
    ledger.delivered(1, "ghost", 1)
    with pytest.raises(BrokenPromise, match="never subscribed"):
        ledger.verify("B2")


def test_b5_one_id_twice_where_the_medium_promises_once() -> None:
    """Only where it does."""
    ledger = outgoing(repeats=1, kills=1)
    ledger.verify("B5")
    ledger.sink("file", unique=True)
    with pytest.raises(BrokenPromise, match="one id twice"):
        ledger.verify("B5")


def test_b4_a_record_that_never_comes_or_comes_out_of_order() -> None:
    """Both are faults of delivery."""
    ledger = Ledger()
    ledger.sink("file")
    for number in range(3):
        ledger.accepted(number)
        ledger.stored(number)
    ledger.written(1, "file")
    with pytest.raises(BrokenPromise, match="2 stored records never came"):
        ledger.verify("B4")
    ledger.written(0, "file")
    with pytest.raises(BrokenPromise, match="out of order"):
        ledger.verify("B4")


def test_b6_what_never_left_cannot_have_been_executed() -> None:
    """`NotSent` says that sending again is safe."""
    ledger = Ledger()
    ledger.command("stop", "not_sent")
    ledger.command("stop", "executed")
    with pytest.raises(BrokenPromise, match="never left"):
        ledger.verify("B6")


@pytest.mark.parametrize("rows", [(), ("B8",), ("B9",), ("B1", "b2")])
def test_rows_that_cannot_be_judged_are_refused(rows: tuple[str, ...]) -> None:
    """A test that asks for nothing would pass whatever happens."""
    with pytest.raises(KeyError):
        Ledger().verify(*rows)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, int]]:
    """Draw what one subscriber sees of numbered events: ("event", id, epoch) or ("gap", dropped, 0).

    Epochs with gaps of a reconnect between them, overflows with their exact counts within.
    """
    items: list[tuple[str, int, int]] = []
    number = 0
    for epoch in range(1, draw(st.integers(2, 4))):
        if epoch > 1:
            items.append(("gap", -1, 0))
            number += draw(st.integers(0, 3))
        for _ in range(draw(st.integers(1, 3))):
            for _ in range(draw(st.integers(2, 4))):
                items.append(("event", number, epoch))
                number += 1
            if draw(st.booleans()):
                dropped = draw(st.integers(1, 3))
                items += [("gap", dropped, 0), ("event", number + dropped, epoch)]
                number += dropped + 1
    return items


def told(items: list[tuple[str, int, int]], count: int) -> Ledger:
    ledger = Ledger()
    ledger.ready()
    ledger.subscribed("reader")
    for number in range(count):
        ledger.sent(number)
    for kind, value, epoch in items:
        if kind == "event":
            ledger.delivered(value, "reader", epoch)
        else:
            cause = "reconnect" if value < 0 else "overflow"
            ledger.gap("reader", cause, max(0, value))
    return ledger


@settings(max_examples=examples(100))
@given(items=histories(), chance=st.randoms(use_true_random=False))
def test_a_fault_planted_anywhere_is_found(
    items: list[tuple[str, int, int]], chance: object
) -> None:
    """The history passes; with one event dropped, doubled or swapped inside an epoch it does not."""
    count = max(value for kind, value, _ in items if kind == "event") + 1
    told(items, count).verify("B1", "B2")
    inner = [
        place
        for place in range(1, len(items) - 1)
        if all(items[p][0] == "event" for p in (place - 1, place, place + 1))
        and items[place - 1][2] == items[place + 1][2]
    ]
    if not inner:
        return
    place = chance.choice(inner)  # type: ignore[attr-defined] # a random.Random
    dropped = [*items[:place], *items[place + 1 :]]
    doubled = [*items[: place + 1], *items[place:]]
    swapped = [*items[:place], items[place + 1], items[place], *items[place + 2 :]]
    for broken in (dropped, doubled, swapped):
        with pytest.raises(BrokenPromise):
            told(broken, count).verify("B1", "B2")
