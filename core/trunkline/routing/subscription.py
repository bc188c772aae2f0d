"""A subscription: a topic, a condition and a receiver; it ends when its scope ends.

Two kinds. One is called in line and keeps nothing. The other has a mailbox, read by a worker or
by whoever iterates; it is filtered before it is filled, and what overflows becomes one gap.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime

import attrs
import trio

from trunkline.errors import SlowConsumer
from trunkline.events import Event, Gap
from trunkline.mailbox import Mailbox
from trunkline.plugin_api import Overflow
from trunkline.routing.faults import HandlerErrors
from trunkline.where import Equality

MAILBOX_BYTES = 4 * 1024 * 1024
HANDLER_LIMIT = 30.0  # s for one event

OnGap = Callable[[Gap], object]
#: Returns when the receiver may be called; events wait in the mailbox until then.
Gate = Callable[[], Awaitable[None]]


@attrs.define(eq=False, slots=True)
class Subscription:
    """What the index holds; `deliver` is called with what passed the index."""

    topic: str
    owner: str
    index_by: Equality | None
    """The equality it is found by; None: it is asked about every event of its topic."""
    accepts: Callable[[Event], bool] | None
    """What is left to judge after the index; None: nothing."""
    errors: HandlerErrors
    is_live: bool = attrs.field(default=True, init=False)

    def offer(self, event: Event, size: int) -> None:
        """Deliver the event if the condition holds."""
        if not self.is_live:
            return
        if self.accepts is not None:
            try:
                if not self.accepts(event):
                    return
            except Exception as exc:  # noqa: BLE001 - a callable condition; counted for its owner
                self.errors.note(self.owner, self.topic, exc)
                return
        self.deliver(event, size)

    def deliver(self, event: Event, size: int) -> None:
        """Hand the event to the receiver; never waits, never raises."""
        raise NotImplementedError

    def deliver_gap(self, gap: Gap) -> None:
        """Hand a gap to the receiver, in its place among the events."""
        raise NotImplementedError

    def end(self) -> None:
        """Deliver nothing more."""
        self.is_live = False


@attrs.define(eq=False, slots=True)
class InlineSubscription(Subscription):
    """Calls a synchronous callback at once."""

    callback: Callable[[Event], object]
    on_gap: OnGap | None

    def deliver(self, event: Event, size: int) -> None:
        """Call the callback."""
        try:
            self.callback(event)
        except Exception as exc:  # noqa: BLE001 - counted and logged for its owner
            self.errors.note(self.owner, self.topic, exc)

    def deliver_gap(self, gap: Gap) -> None:
        """Call `on_gap`, if there is one."""
        if self.on_gap is not None:
            on_gap = self.on_gap
            self.errors.guard(self.owner, self.topic, lambda: on_gap(gap), None)


class QueuedSubscription(Subscription):
    """Fills a mailbox that somebody reads: a stream of events and gaps."""

    def __init__(
        self,
        topic: str,
        owner: str,
        index_by: Equality | None,
        accepts: Callable[[Event], bool] | None,
        errors: HandlerErrors,
        buffer: int,
        overflow: Overflow,
    ) -> None:
        super().__init__(topic, owner, index_by, accepts, errors)
        self._mailbox: Mailbox[Event | Gap] = Mailbox(
            limit=buffer, limit_bytes=MAILBOX_BYTES, overflow=overflow, on_drop=self._dropped
        )
        self._overflowed: Gap | None = None  # stands before all that the mailbox holds
        self._unread: deque[Event | Gap] = deque()

    @property
    def waiting_count(self) -> int:
        """How many events and gaps are not read yet."""
        return len(self._mailbox) + len(self._unread)

    @property
    def dropped_count(self) -> int:
        """How many events were dropped because the mailbox was full."""
        return self._mailbox.dropped_count

    def deliver(self, event: Event, size: int) -> None:
        """Put the event into the mailbox."""
        if not self._mailbox.put(event, size) and self._mailbox.is_closed:
            self.is_live = False

    def deliver_gap(self, gap: Gap) -> None:
        """Put the gap into the mailbox."""
        self._mailbox.put(gap)

    def end(self) -> None:
        """Deliver nothing more, and drop what is not read."""
        self.is_live = False
        self._mailbox.close()
        self._mailbox.drain()
        self._unread.clear()

    def finish(self) -> None:
        """Deliver nothing more; what is there can still be read."""
        self.is_live = False
        self._mailbox.close()

    def _dropped(self, item: Event | Gap) -> None:
        gap = item if isinstance(item, Gap) else self._gap_of(item, item.received_at)
        self._overflowed = gap if self._overflowed is None else self._overflowed.merge(gap)

    def _gap_of(self, event: Event, at: datetime) -> Gap:
        return Gap(self.topic, "overflow", at, at, event.epoch, dropped=1)

    async def next_item(self) -> Event | Gap:
        """Wait for the next event or gap.

        Raises:
            SlowConsumer: the mailbox was full, and its rule is `close`.
            trio.EndOfChannel: the subscription has ended.
        """
        if not self._unread:
            batch = await self._mailbox.get_batch()
            if self._overflowed is not None:
                self._unread.append(self._overflowed)
                self._overflowed = None
            self._unread.extend(batch)
        item = self._unread.popleft()
        while isinstance(item, Gap) and self._unread and isinstance(self._unread[0], Gap):
            item = item.merge(self._unread.popleft())  # type: ignore[arg-type] # checked in the loop's condition
        return item


class EventStream:
    """The events and gaps of a topic, in order; an async iterator."""

    def __init__(self, subscription: QueuedSubscription) -> None:
        self._subscription = subscription

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Event | Gap:
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            return await self._subscription.next_item()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None


async def work(
    subscription: QueuedSubscription,
    callback: Callable[[Event], object],
    on_gap: OnGap | None,
    gate: Gate | None = None,
) -> None:
    """Call an asynchronous callback for each event, one after the other, until it ends.

    A call that takes longer than `HANDLER_LIMIT` is cancelled and counted as an error.
    """
    errors, owner, topic = subscription.errors, subscription.owner, subscription.topic
    while True:
        try:
            item = await subscription.next_item()
        except trio.EndOfChannel:
            return
        except SlowConsumer as exc:
            errors.note(owner, topic, exc)
            return
        if gate is not None:
            await gate()
        receiver = on_gap if isinstance(item, Gap) else callback
        if receiver is None:
            continue
        try:
            with trio.fail_after(HANDLER_LIMIT):
                outcome = receiver(item)  # type: ignore[operator] # the two callables, each with its own item
                if hasattr(outcome, "__await__"):
                    await outcome
        except Exception as exc:  # noqa: BLE001 - counted and logged for its owner
            errors.note(owner, topic, exc)
