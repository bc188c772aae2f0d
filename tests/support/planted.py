"""Histories as a test reports them, good ones and each with a fault planted into it."""

from collections.abc import Callable

from trunkline.simulator.ledger import Ledger


def stream(
    ids: list[int],
    *,
    overflow: dict[int, int] | None = None,
    lost: frozenset[int] = frozenset(),
    epochs: dict[int, int] | None = None,
) -> Ledger:
    """Return a history: `ids` as delivered, of 0 to 9 sent to `audit`.

    `overflow` {id: dropped} puts such a gap before an id; `lost` before those a reconnect's.
    """
    ledger = Ledger()
    ledger.ready()
    ledger.subscribed("reader", "audit")
    for number in range(10):
        ledger.sent(number, "audit")
        ledger.sent(f"other {number}", "runners")
    for number in ids:
        if number in (overflow or {}):
            ledger.gap("reader", "overflow", (overflow or {})[number])
        if number in lost:
            ledger.gap("reader", "reconnect")
        ledger.delivered(number, "reader", (epochs or {}).get(number, 1), "audit")
    return ledger


def outgoing(*, repeats: int = 0, kills: int = 0, stored: int = 100) -> Ledger:
    """Return a history: records stored, written, repeated after a crash."""
    ledger = Ledger()
    ledger.sink("file")
    for number in range(stored):
        ledger.accepted(number)
        ledger.stored(number)
    for number in range(stored):
        ledger.written(number, "file")
    for _ in range(kills):
        ledger.killed()
        ledger.restarted(range(stored))
    for number in range(repeats):
        ledger.written(number, "file")
    return ledger


TEN = list(range(10))


def an_event_dropped() -> Ledger:
    return stream([n for n in TEN if n != 5])


def an_event_doubled() -> Ledger:
    return stream([*TEN[:6], *TEN[5:]])


def an_event_swapped_with_its_neighbour() -> Ledger:
    return stream([0, 1, 2, 4, 3, 5, 6, 7, 8, 9])


def a_gap_that_is_one_too_short() -> Ledger:
    return stream([0, 1, 2, 6, 7, 8, 9], overflow={6: 2})


def a_gap_that_counts_one_too_many() -> Ledger:
    return stream([0, 1, 2, 6, 7, 8, 9], overflow={6: 4})


def an_event_for_another_subscription() -> Ledger:
    ledger = stream(TEN)
    ledger.delivered("other 3", "reader", 1, "runners")
    return ledger


def an_event_after_the_end() -> Ledger:
    ledger = stream(TEN[:5])
    ledger.ended("reader")
    ledger.delivered(5, "reader", 1, "audit")
    return ledger


def an_event_of_an_old_socket() -> Ledger:
    return stream(TEN, lost=frozenset({5}), epochs=dict.fromkeys(range(5, 9), 2))


def a_stored_record_that_is_gone() -> Ledger:
    ledger = Ledger()
    ledger.stored(1)
    ledger.killed()
    ledger.restarted([])
    return ledger


def sixty_five_repeats() -> Ledger:
    return outgoing(repeats=65, kills=1)


def a_command_twice() -> Ledger:
    ledger = Ledger()
    for what in ("sent", "unknown", "executed", "executed"):
        ledger.command("stop", what)
    return ledger


def two_decisions() -> Ledger:
    ledger = Ledger()
    ledger.decided("request", "approved")
    ledger.decided("request", "declined")
    return ledger


PLANTED: list[tuple[Callable[[], Ledger], str, str]] = [
    (an_event_dropped, "B1", "sent 5"),
    (an_event_doubled, "B1", "delivered 5"),
    (an_event_swapped_with_its_neighbour, "B1", "sent 3"),
    (a_gap_that_is_one_too_short, "B2", "3 events are missing where a gap counts 2"),
    (a_gap_that_counts_one_too_many, "B2", "3 events are missing where a gap counts 4"),
    (an_event_for_another_subscription, "B2", "delivered other 3"),
    (an_event_after_the_end, "B2", "ended"),
    (an_event_of_an_old_socket, "B2", "epoch 1"),
    (a_stored_record_that_is_gone, "B3", "restarted without it"),
    (sixty_five_repeats, "B4", "more repeats"),
    (a_command_twice, "B6", "executed twice"),
    (two_decisions, "B7", "decided declined"),
]
