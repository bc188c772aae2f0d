"""The bounded queue: its bounds, its three rules, its waiting, its books."""

from collections.abc import Callable
from typing import Literal

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from trunkline.errors import SlowConsumer
from trunkline.mailbox import Mailbox

Rule = Literal["drop_oldest", "refuse", "close"]


def mailbox(
    overflow: Rule = "refuse",
    limit: int = 3,
    limit_bytes: int = 100,
    on_drop: Callable[[int], None] | None = None,
) -> Mailbox[int]:
    """A small one."""
    return Mailbox(limit=limit, limit_bytes=limit_bytes, overflow=overflow, on_drop=on_drop)


async def test_mailbox_gives_items_in_order() -> None:
    """All there is comes at once, in order; `limit` takes fewer."""
    box = mailbox()
    for n in range(3):
        assert box.put(n, 10)
    assert (len(box), box.used_bytes) == (3, 30)
    assert [await box.get_batch(2), await box.get_batch()] == [[0, 1], [2]]
    assert (len(box), box.used_bytes) == (0, 0)


def test_s13_mailbox_takes_up_to_its_bounds_and_no_more() -> None:
    """The last item that fits is taken, one more or one byte more is not."""
    box = mailbox(limit=3, limit_bytes=100)
    assert [box.put(n) for n in range(4)] == [True, True, True, False]
    box = mailbox(limit=3, limit_bytes=100)
    assert [box.put(0, 50), box.put(1, 51), box.put(2, 50)] == [True, False, True]
    assert box.dropped_count == 1


def test_mailbox_without_room_cannot_be_made() -> None:
    """A bound that leaves room for nothing is a mistake of whoever made it."""
    with pytest.raises(ValueError, match="at least one"):
        mailbox(limit=0)


async def test_mailbox_takes_an_item_over_the_limit_only_when_empty() -> None:
    """An item larger than all the room gets through alone, so that nothing is stuck for ever."""
    box = mailbox()
    assert box.put(1, 101)
    assert not box.has_room()
    assert not box.put(2)
    assert await box.get_batch() == [1]
    assert box.has_room()


async def test_mailbox_drop_oldest_drops_from_the_head_and_shows_what() -> None:
    """The newest stays; as many old ones go as the new one needs."""
    dropped: list[int] = []
    box = mailbox("drop_oldest", on_drop=dropped.append)
    for n in range(3):
        box.put(n, 30)
    assert box.put(3, 80)
    assert dropped == [0, 1, 2]
    assert box.dropped_count == 3
    assert await box.get_batch() == [3]


async def test_mailbox_drop_oldest_needs_no_witness() -> None:
    """What is dropped is counted, also where nobody wants to see it."""
    box = mailbox("drop_oldest", limit=1)
    assert [box.put(1), box.put(2)] == [True, True]
    assert box.dropped_count == 1
    assert await box.get_batch() == [2]


async def test_mailbox_close_rule_ends_after_what_was_queued() -> None:
    """The reader still gets what came before, and then learns why it ends."""
    box = mailbox("close", limit=1)
    assert box.put(1)
    assert not box.put(2)
    assert not box.put(3)
    assert box.is_closed
    assert await box.get_batch() == [1]
    with pytest.raises(SlowConsumer):
        await box.get_batch()


async def test_mailbox_closed_ends_for_readers_and_feeders() -> None:
    """Who reads gets what is left, then the end; who waits for room is let go."""
    box = mailbox(limit=1)
    box.put(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.wait_room)
        await wait_all_tasks_blocked()
        box.close()
    assert not box.put(2)
    assert await box.get_batch() == [1]
    with pytest.raises(trio.EndOfChannel):
        await box.get_batch()


async def test_mailbox_close_wakes_a_reader_that_waits() -> None:
    """Nobody waits for ever at a closed mailbox."""
    box = mailbox()
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read() -> None:
            with pytest.raises(trio.EndOfChannel):
                await box.get_batch()

        await wait_all_tasks_blocked()
        box.close()


async def test_mailbox_wakes_its_reader_once_for_a_batch() -> None:
    """However many items come in one go, the reader runs once."""
    box = mailbox(limit=100)
    batches: list[list[int]] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read() -> None:
            while True:
                batches.append(await box.get_batch())

        await wait_all_tasks_blocked()
        for n in range(50):
            box.put(n)
        await wait_all_tasks_blocked()
        assert batches == [list(range(50))]
        nursery.cancel_scope.cancel()


async def test_mailbox_front_goes_before_all_and_past_all_bounds() -> None:
    """What must not wait goes first, into a full and even into a closed mailbox."""
    box = mailbox(limit=1)
    box.put(1, 100)
    box.put_front(0, 5)
    box.close()
    box.put_front(-1)
    assert box.used_bytes == 105
    assert await box.get_batch() == [-1, 0, 1]


async def test_mailbox_front_wakes_a_reader() -> None:
    """A reader that waits gets it at once."""
    box = mailbox()
    got: list[int] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def read() -> None:
            got.extend(await box.get_batch())

        await wait_all_tasks_blocked()
        box.put_front(7)
    assert got == [7]


@pytest.mark.parametrize("how", ["take", "get_batch", "drain", "discard"])
async def test_mailbox_feeder_waits_until_there_is_room(how: str) -> None:
    """Whatever makes room lets the feeder go on, and not before."""
    box = mailbox(limit=2)
    box.put(1)
    box.put(2)
    free: list[bool] = []
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def feed() -> None:
            await box.wait_room()
            free.append(True)

        await wait_all_tasks_blocked()
        assert not free
        if how == "take":
            assert box.take() == 1
        elif how == "get_batch":
            assert await box.get_batch(1) == [1]
        elif how == "drain":
            assert box.drain() == [1, 2]
        else:
            assert box.discard(2)
    assert free == [True]


async def test_mailbox_feeder_goes_on_waiting_while_it_is_still_full() -> None:
    """Taking one of too many does not make room."""
    box = mailbox(limit=1)
    box.put(1)
    box.put_front(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(box.wait_room)
        await wait_all_tasks_blocked()
        assert box.take() == 0
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        assert box.take() == 1


def test_mailbox_take_of_nothing_is_none() -> None:
    """Taking without waiting says when there is nothing."""
    box = mailbox()
    assert box.take() is None
    assert (box.first(), box.last()) == (None, None)


def test_mailbox_shows_both_ends_and_replaces_the_last() -> None:
    """Neighbours can be looked at and joined; the bytes stay counted."""
    box = mailbox()
    box.put(1, 10)
    box.put(2, 20)
    assert (box.first(), box.last()) == (1, 2)
    box.replace_last(3)
    assert (box.used_bytes, box.drain()) == (30, [1, 3])


def test_mailbox_discards_one_item_wherever_it_stands() -> None:
    """A withdrawn item is gone, its bytes too; equal items are not the same item."""
    box: Mailbox[list[int]] = Mailbox(limit=9, limit_bytes=100, overflow="refuse")
    items: list[list[int]] = [[0], [0], [0]]
    for item in items:
        box.put(item, 10)
    assert box.discard(items[1])
    assert not box.discard(items[1])
    assert box.used_bytes == 20
    left = box.drain()
    assert left[0] is items[0]
    assert left[1] is items[2]


async def test_mailbox_cancelled_reader_takes_nothing() -> None:
    """A cancel before or while waiting leaves every item where it is."""
    box = mailbox()
    with trio.move_on_after(0) as scope:
        await box.get_batch()
    assert scope.cancelled_caught
    box.put(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await box.get_batch()
    assert scope.cancelled_caught
    assert await box.get_batch() == [1]


async def test_mailbox_lets_others_run_though_there_is_always_something() -> None:
    """A reader that is never kept waiting does not keep the others from running."""
    box = mailbox()
    with trio.move_on_after(0.01) as scope:
        while True:
            box.put(1)
            await box.get_batch()
    assert scope.cancelled_caught


@settings(deadline=None)
@given(
    st.sampled_from(["drop_oldest", "refuse", "close"]),
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from(["put", "put", "take", "discard"]), st.integers(0, 60))),
)
def test_mailbox_books_balance(rule: Rule, limit: int, steps: list[tuple[str, int]]) -> None:
    """Offered = taken + still there + lost, bounds hold, order holds, bytes agree, at any time."""
    lost: list[int] = []
    box = mailbox(rule, limit, on_drop=lost.append)
    sizes: dict[int, int] = {}
    inside: list[int] = []
    refused = counted = taken = withdrawn = 0
    for number, (step, size) in enumerate(steps):
        if step == "put":
            sizes[number] = size
            was_open = not box.is_closed
            if box.put(number, size):
                inside.append(number)
            else:
                refused += 1
                counted += was_open  # what comes to a closed mailbox is its sender's business
        elif step == "take" and box.take() is not None:
            inside.remove(next(each for each in inside if each not in lost))
            taken += 1
        elif step == "discard" and (last := box.last()) is not None:
            assert box.discard(last)
            inside.remove(last)
            withdrawn += 1
        inside = [each for each in inside if each not in lost]
        assert len(box) == len(inside) <= limit
        assert box.used_bytes == sum(sizes[each] for each in inside)
        assert box.used_bytes <= 100
    assert len(sizes) == taken + withdrawn + refused + len(lost) + len(box)
    assert box.dropped_count == len(lost) + counted
    assert box.drain() == inside
