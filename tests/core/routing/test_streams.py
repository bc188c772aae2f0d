"""Streams of events and gaps: order, bounds, and a gap exactly where something is missing."""

from datetime import UTC, datetime
from typing import Literal

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from trunkline.errors import SlowConsumer
from trunkline.events import Event, Gap
from trunkline.routing.router import Router


def event(n: int, size: int = 0) -> Event:
    """An event that arrived at second `n`."""
    return Event("t", "k", {"n": n, "size": size}, n, "live", float(n))


def at(second: float) -> datetime:
    """That second, as a gap tells it."""
    return datetime.fromtimestamp(second, UTC)


def gap(since: float, until: float, topic: str = "*") -> Gap:
    """A gap after a loss."""
    return Gap(topic, "reconnect", at(since), at(until), int(until))


async def read(events: object, count: int) -> list[object]:
    """The next items of a stream: the `n` of an event, or a gap."""
    got: list[object] = []
    with trio.fail_after(5):
        for _ in range(count):
            item = await anext(events)  # type: ignore[call-overload] # a stream
            got.append(item if isinstance(item, Gap) else item.get("n"))
    return got


async def test_stream_gives_what_its_condition_lets_through_in_order() -> None:
    """It is filtered before it is filled."""
    router = Router()
    async with router.events("t", where={"n": {"gt": 1}}, buffer=2) as events:
        for n in range(4):
            router.publish(event(n))
        assert router.statistics().waiting_count == 2
        assert await read(events, 2) == [2, 3]


async def test_b2_overflow_leaves_one_gap_with_the_count_before_what_is_left() -> None:
    """The oldest go; the gap says from when to when, and how many."""
    router = Router()
    async with router.events("t", buffer=2) as events:
        for n in range(5):
            router.publish(event(n))
        assert router.statistics().dropped == {("subscription", "overflow"): 3}
        assert await read(events, 3) == [Gap("t", "overflow", at(0), at(2), 2, 3), 3, 4]
        router.publish(event(5))
        assert await read(events, 1) == [5]


async def test_su5_mailbox_is_bounded_in_bytes_too() -> None:
    """A few large messages are as much as many small ones."""
    router = Router()
    async with router.events("t") as events:
        for n in range(3):
            router.publish(event(n), 2 * 1024 * 1024)
        assert await read(events, 3) == [Gap("t", "overflow", at(0), at(0), 0, 1), 1, 2]


async def test_su5_buffer_counts_what_is_not_handled_yet() -> None:
    """Items wait in the mailbox, and nowhere else, until they are taken one by one."""
    router = Router()
    async with router.events("t", buffer=2) as events:
        for n in (0, 1):
            router.publish(event(n))
        assert await read(events, 1) == [0]
        for n in (2, 3):
            router.publish(event(n))
        assert await read(events, 3) == [Gap("t", "overflow", at(1), at(1), 1, 1), 2, 3]


async def test_su5_close_rule_ends_with_slow_consumer_after_what_came_before() -> None:
    """Nothing is missing without a word: what came before is read, then it ends."""
    router = Router()
    async with router.events("t", buffer=2, overflow="close") as events:
        for n in range(4):
            router.publish(event(n))
        assert await read(events, 2) == [0, 1]
        with pytest.raises(SlowConsumer):
            await anext(events)
    assert router.statistics().dropped == {("subscription", "overflow"): 1}


async def test_gp1_gap_stands_in_its_place_with_the_topic_of_the_subscription() -> None:
    """After what came before the loss, before what comes after it; for every subscription."""
    router = Router()
    async with router.events("t") as events, router.events("*") as everything:
        router.publish(event(1))
        router.gap(gap(1, 3))
        router.publish(event(3))
        assert await read(events, 3) == [1, gap(1, 3, "t"), 3]
        assert await read(everything, 3) == [1, gap(1, 3, "*"), 3]


async def test_gp2_neighbouring_gaps_are_one() -> None:
    """However often the link is lost, a stream that is not read holds one gap."""
    router = Router()
    async with router.events("t", buffer=2) as events:
        router.publish(event(1))
        for second in range(2, 300):
            router.gap(gap(second, second + 0.5))
        assert router.statistics().waiting_count == 2
        assert await read(events, 2) == [1, gap(2, 299.5, "t")]


async def test_gp2_gap_after_an_overflow_is_joined_with_it() -> None:
    """What overflowed and what was lost beside it are one gap; no count gets lost."""
    router = Router()
    async with router.events("t", buffer=2) as events:
        for n in (1, 2, 3):
            router.publish(event(n))
        router.gap(gap(3, 4))  # takes the place of event 2
        router.publish(event(5))  # takes the place of event 3
        assert await read(events, 2) == [Gap("t", "overflow", at(1), at(4), 4, 3), 5]


async def test_gap_that_overflows_keeps_its_cause_and_counts_no_event() -> None:
    """A gap dropped from the head is still announced, with what was dropped after it."""
    router = Router()
    async with router.events("t", buffer=1) as events:
        router.gap(gap(1, 2))
        for n in (3, 4):
            router.publish(event(n))
        lost = attrs.evolve(gap(1, 3, "t"), dropped=1)
        assert await read(events, 2) == [lost, 4]
        assert router.statistics().dropped == {("subscription", "overflow"): 1}


async def test_gap_that_overflows_takes_its_own_count_along() -> None:
    """What it said was dropped is still said, though it was never read."""
    router = Router()
    async with router.events("t", buffer=1) as events:
        router.gap(Gap("*", "too_large", at(1), at(1), 1, 5))
        for n in (2, 3):
            router.publish(event(n))
        assert await read(events, 2) == [Gap("t", "too_large", at(1), at(2), 2, 6), 3]


async def test_gap_may_be_what_ends_a_stream_with_the_close_rule() -> None:
    """Where it finds no place it ends the stream, for it may not be left out."""
    router = Router()
    async with router.events("t", buffer=1, overflow="close") as events:
        router.publish(event(1))
        router.gap(gap(1, 2))
        router.publish(event(3))
        assert await read(events, 1) == [1]
        with pytest.raises(SlowConsumer):
            await anext(events)


Step = tuple[Literal["put", "big", "gap", "read"], int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "big", "gap", "read"]), st.integers(1, 4))
)


@settings(deadline=None)
@given(st.integers(1, 4), STEPS)
async def test_b1_everything_sent_is_received_or_inside_a_gap(
    buffer: int, steps: list[Step]
) -> None:
    """Sent - received - inside announced gaps = nothing, and each gap stands where it belongs."""
    router = Router()
    sent = 0
    got: list[Event | Gap] = []
    async with router.events("t", buffer=buffer) as events:
        for step, count in [*steps, ("read", 1_000)]:
            for _ in range(count):
                if step == "read":
                    if not router.statistics().waiting_count:
                        break
                    got.append(await anext(events))
                elif step == "gap":
                    router.gap(gap(sent, sent))
                else:
                    router.publish(event(sent), 3 * 1024 * 1024 if step == "big" else 1)
                    sent += 1
            assert router.statistics().waiting_count <= buffer
    expected = 0  # the number of the next event, if nothing is missing
    for item in got:
        if isinstance(item, Gap):
            expected += item.dropped
        else:
            assert item.get("n") == expected
            expected += 1
    assert expected == sent
    dropped = sum(item.dropped for item in got if isinstance(item, Gap))
    assert router.statistics().dropped.get(("subscription", "overflow"), 0) == dropped


async def test_b2_ended_stream_hands_out_nothing_more() -> None:
    """After a clear the reader comes to an end, and what it had not read is gone."""
    router = Router()
    async with router.events("t") as events:
        router.publish(event(1))
        router.clear("t")
        router.publish(event(2))
        assert [item async for item in events] == []


async def test_dr1_closed_router_lets_streams_be_read_to_their_end() -> None:
    """What waits is still read; what comes is not taken any more."""
    router = Router()
    async with router.events("t", buffer=1) as events:
        router.publish(event(1))
        router.publish(event(2))
        router.close()
        router.publish(event(3))
        router.gap(gap(3, 4))
        items = [item async for item in events]
    assert items[0] == Gap("t", "overflow", at(1), at(1), 1, 1)
    assert [item.get("n") for item in items[1:] if isinstance(item, Event)] == [2]


async def test_stream_with_two_readers_gives_each_event_to_one_of_them() -> None:
    """Whoever finds nothing left waits again, and both come to the end."""
    router = Router()
    got: list[object] = []

    async def reader() -> None:
        async for item in events:
            got.append(item.get("n") if isinstance(item, Event) else item)  # noqa: PERF401 - one by one

    async with trio.open_nursery() as nursery, router.events("t") as events:
        nursery.start_soon(reader)
        nursery.start_soon(reader)
        await wait_all_tasks_blocked()
        for n in range(3):
            router.publish(event(n))
        await wait_all_tasks_blocked()
        router.close()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks
    assert got == [0, 1, 2]


async def test_stream_wakes_its_reader_once_for_a_batch() -> None:
    """Two hundred events in one go: one turn of the reader, not two hundred."""
    router = Router()
    sizes: list[int] = []
    async with trio.open_nursery() as nursery, router.events("t") as events:

        @nursery.start_soon
        async def reader() -> None:
            async for _ in events:
                sizes.append(router.statistics().waiting_count)  # noqa: PERF401 - how it is when read

        await wait_all_tasks_blocked()
        for n in range(200):
            router.publish(event(n))
        await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()
        assert sizes == list(reversed(range(200)))
        nursery.cancel_scope.cancel()


async def test_stream_fed_by_its_own_reader_lets_others_run() -> None:
    """A reader that answers every event with another is not alone in the world."""
    router = Router()
    with trio.move_on_after(0.05) as scope:
        async with router.events("t") as events:
            router.publish(event(0))
            async for _ in events:
                router.publish(event(1))
    assert scope.cancelled_caught
