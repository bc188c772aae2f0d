"""The one bounded queue of the house: items and bytes, one wake-up per batch, a rule when full.

Used from Trio's thread only. `put` never waits, so that no reader is held up by a consumer; what
happens to what does not fit is said where the mailbox is made. One wake-up per batch follows from
parking: only the first `put` of a batch finds somebody asleep.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import trio

from trunkline.errors import SlowConsumer

T = TypeVar("T")

#: Drop from the head; refuse the newest; end with `SlowConsumer`; or take it all the same, where
#: the feeder asks `wait_room` before it reads on.
Rule = Literal["drop_oldest", "refuse", "close", "grow"]


class Mailbox(Generic[T]):
    """Items in order with their sizes, bounded in both."""

    def __init__(
        self,
        *,
        limit: int,
        limit_bytes: int,
        overflow: Rule,
        on_drop: Callable[[T], None] | None = None,
    ) -> None:
        """Hold at most `limit` items and `limit_bytes` bytes; a larger item is taken when empty.

        `on_drop` is shown each item that `drop_oldest` takes from the head.

        Raises:
            ValueError: the limit leaves room for nothing.
        """
        if limit < 1:
            raise ValueError(f"a mailbox needs room for at least one item, not {limit}")
        self._limit = limit
        self._limit_bytes = limit_bytes
        self._overflow = overflow
        self._on_drop = on_drop
        self._items: deque[tuple[T, int]] = deque()
        self._readers = trio.lowlevel.ParkingLot()
        self._feeders = trio.lowlevel.ParkingLot()
        self._was_too_slow = False
        self.is_closed = False
        self.used_bytes = 0
        self.dropped_count = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def fill(self) -> float:
        """How much of it is used, in items or bytes, whichever is nearer its bound; 1 is full."""
        return max(len(self._items) / self._limit, self.used_bytes / self._limit_bytes)

    def has_room(self, size: int = 0) -> bool:
        """Tell whether an item of `size` bytes fits."""
        if not self._items:
            return True
        return len(self._items) < self._limit and self.used_bytes + size <= self._limit_bytes

    def put(self, item: T, size: int = 0) -> bool:
        """Add `item`, applying the rule if it does not fit; False if it was not taken."""
        if self.is_closed:
            return False
        if not self.has_room(size) and not self._make_room(size):
            self.dropped_count += 1
            return False
        self._items.append((item, size))
        self.used_bytes += size
        if self._readers:
            self._readers.unpark()
        return True

    def put_front(self, item: T, size: int = 0) -> None:
        """Add `item` before all others, whatever the bounds: for the few that must not wait.

        A closed mailbox takes it too: what answers the peer goes out before the end.
        """
        self._items.appendleft((item, size))
        self.used_bytes += size
        if self._readers:
            self._readers.unpark()

    def _make_room(self, size: int) -> bool:
        if self._overflow == "drop_oldest":
            while True:  # asked by `put` already: there is none yet
                item = self._pop()
                self.dropped_count += 1
                if self._on_drop is not None:
                    self._on_drop(item)
                if self.has_room(size):
                    return True
        if self._overflow == "close":
            self._was_too_slow = True
            self.close()
        return self._overflow == "grow"

    def _pop(self) -> T:
        item, size = self._items.popleft()
        self.used_bytes -= size
        return item

    async def wait_item(self) -> None:
        """Return when there is something to take; lets others run first in any case.

        Raises:
            SlowConsumer: the rule is `close`, it was full, and what came before is read.
            trio.EndOfChannel: it was closed, and everything is read.
        """
        if self._items:
            await trio.lowlevel.checkpoint()
        while not self._items:
            if self._was_too_slow:
                raise SlowConsumer("the mailbox was full and its rule is `close`")
            if self.is_closed:
                raise trio.EndOfChannel
            await self._readers.park()

    def take(self) -> T | None:
        """Take the first item; None if there is none."""
        if not self._items:
            return None
        item = self._pop()
        self._tell_feeders()
        return item

    async def get_batch(self, limit: int | None = None) -> list[T]:
        """Wait for at least one item; return up to `limit`, or all there are.

        A cancel takes nothing out. Raises what `wait_item` raises.
        """
        await self.wait_item()
        count = len(self._items) if limit is None else min(limit, len(self._items))
        batch = [self._pop() for _ in range(count)]
        self._tell_feeders()
        return batch

    async def wait_room(self) -> None:
        """Wait until both bounds leave room, or it is closed."""
        while not self.has_room() and not self.is_closed:
            await self._feeders.park()

    def first(self) -> T | None:
        """Return the item that would be taken next; None if there is none."""
        return self._items[0][0] if self._items else None

    def last(self) -> T | None:
        """Return the item that came last, without taking it; None if there is none."""
        return self._items[-1][0] if self._items else None

    def replace_last(self, item: T) -> None:
        """Put `item` in the place of the one that came last; its size stays."""
        self._items[-1] = (item, self._items[-1][1])

    def discard(self, item: T) -> bool:
        """Take one item out, wherever it stands; False if it is not there."""
        for index, (other, size) in enumerate(self._items):
            if other is item:
                del self._items[index]
                self.used_bytes -= size
                self._tell_feeders()
                return True
        return False

    def drain(self) -> list[T]:
        """Take everything out at once."""
        items = [self._pop() for _ in range(len(self._items))]
        self._tell_feeders()
        return items

    def _tell_feeders(self) -> None:
        if self._feeders and self.has_room():
            self._feeders.unpark_all()

    def close(self) -> None:
        """Take nothing more; what is there can still be read."""
        self.is_closed = True
        self._readers.unpark_all()
        self._feeders.unpark_all()
