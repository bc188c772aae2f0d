"""A full outbox: the least valuable and oldest go, conversions never before anything else."""

import sqlite3
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from outbox_bench import NOW, books, key, names, row, store

from trunkline.activity.outbox import Bounds

KINDS = ("page_view", "action", "conversion")


def test_a23_the_oldest_page_views_go_first_then_actions() -> None:
    """Of equals the oldest; a newcomer displaces nothing that is worth more."""
    outbox = store(bounds=Bounds(4, 10**9))
    outbox.append(
        [row("v1", "page_view"), row("a1"), row("v2", "page_view"), row("c1", "conversion")]
    )
    assert outbox.append([row("a2")]) == {"page_view": 1}
    assert names(outbox.read("p.sink", 9)) == ["a1", "v2", "c1", "a2"]
    assert outbox.append([row("a3"), row("a4")]) == {"page_view": 1, "action": 1}
    assert names(outbox.read("p.sink", 9)) == ["c1", "a2", "a3", "a4"]
    assert outbox.append([row("v3", "page_view")]) == {"page_view": 1}
    assert names(outbox.read("p.sink", 9)) == ["c1", "a2", "a3", "a4"]
    outbox.append([row(f"c{n}", "conversion") for n in range(2, 5)])
    assert names(outbox.read("p.sink", 9)) == ["c1", "c2", "c3", "c4"]
    assert outbox.append([row("c5", "conversion"), row("c6", "conversion"), row("a5")]) == {"action": 1, "conversion": 2}  # fmt: skip
    assert names(outbox.read("p.sink", 9)) == ["c1", "c2", "c3", "c4"]
    assert books(outbox) == 14


def test_a23_bytes_are_a_bound_too() -> None:
    """A large newcomer costs several small ones."""
    small, large = row("v"), row("L" + "x" * 2000)
    outbox = store(bounds=Bounds(100, 10 * small.size))
    outbox.append([row(f"v{n}", "page_view") for n in range(9)])
    outbox.append([large])
    assert outbox.used.bytes <= 10 * small.size
    assert names(outbox.read("p.sink", 99)) in ([], [large.id.removeprefix("id-")])
    assert books(outbox) == 10


def test_what_is_not_there_is_not_looked_for_again() -> None:
    """No page view among a thousand actions: only the first commit looks through all of them."""
    opened: list[sqlite3.Connection] = []

    def connect(place: str) -> sqlite3.Connection:
        opened.append(sqlite3.connect(place, isolation_level=None))
        return opened[0]

    outbox = store(bounds=Bounds(1000, 10**9), connect=connect)
    outbox.append([row(str(n)) for n in range(1000)])
    outbox.append([row("first")])
    steps: list[None] = []
    opened[0].set_progress_handler(lambda: steps.append(None), 1)  # each step of SQLite's machine
    assert outbox.append([row("second")]) == {"action": 1}
    assert len(steps) < 500


def test_what_goes_counts_against_those_that_still_needed_it() -> None:
    """Not against a sink that has had it, nor one of other topics."""
    outbox = store(key("p.a"), key("p.b"), key("p.audit", "audit"), bounds=Bounds(2, 10**9))
    outbox.append([row("1", "page_view"), row("2", "page_view")])
    outbox.settle("p.a", outbox.read("p.a", 1), NOW)
    outbox.append([row("3", "page_view")])
    evicted = {name: dict(place.evicted) for name, place in outbox.places.items()}
    assert evicted == {"p.a": {}, "p.b": {"page_view": 1}, "p.audit": {}}
    assert outbox.places["p.a"].waiting == 2


def test_what_is_out_for_delivery_may_go_and_is_counted_once() -> None:
    """As evicted; whether the sink had it nobody can say."""
    outbox = store(bounds=Bounds(2, 10**9))
    outbox.append([row("1", "page_view"), row("2", "page_view")])
    batch = outbox.read("p.sink", 2)
    outbox.append([row("3", "page_view")])
    outbox.settle("p.sink", batch, NOW, dead_letters={0: "no"})
    place = outbox.places["p.sink"]
    assert (place.delivered, place.dead, place.waiting, place.evicted) == (
        1,
        0,
        1,
        {"page_view": 1},
    )


@given(
    st.lists(st.lists(st.sampled_from(KINDS), max_size=12), max_size=12),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
def test_a23_no_conversion_goes_before_the_last_page_view_and_action(
    groups: list[list[str]], room: int, rng: object
) -> None:
    """Whatever comes in whatever groups, with deliveries in between; the books balance throughout."""
    outbox = store(bounds=Bounds(room, 10**9))
    number = 0
    for group in groups:
        waiting = Counter(event.type for event in outbox.read("p.sink", 99).events)
        rows = [row(str(number + n), kind) for n, kind in enumerate(group)]
        number += len(rows)
        gone = outbox.append(rows)
        left = Counter(event.type for event in outbox.read("p.sink", 99).events)
        together = waiting + Counter(group)
        assert left + gone == together
        if gone["conversion"]:
            assert not left["page_view"]
            assert not left["action"]
        if gone["action"]:
            assert not left["page_view"]
        assert sum(left.values()) == min(room, together.total())
        assert books(outbox) == number
        if getattr(rng, "random")() < 0.3 and outbox.places["p.sink"].waiting:  # noqa: B009 - untyped on purpose
            outbox.settle("p.sink", outbox.read("p.sink", 2), NOW)
        order = [int(name) for name in names(outbox.read("p.sink", 99))]
        assert order == sorted(order)
