"""Subscriptions with a mailbox: read by whoever iterates, or by a worker of their own.

The mailbox is filtered before it is filled. What overflows becomes one gap, which stands before
everything that is left.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import attrs
import trio

from trunkline.errors import SlowConsumer
from trunkline.events import Event, Gap
from trunkline.mailbox import Mailbox
from trunkline.plugin_api import Overflow, Undo
from trunkline.routing.faults import Faults
from trunkline.routing.statistics import Tally
from trunkline.routing.subscription import OnGap, Subscription
from trunkline.supervise import cause_of
from trunkline.where import Lookup

MAILBOX_BYTES = 4 * 1024 * 1024
HANDLER_LIMIT = 30.0  # s for one event

#: Returns when the receiver may be called; events wait in the mailbox until then.
Gate = Callable[[], Awaitable[None]]


@attrs.define
class Loss:
    """A run of items that the mailbox dropped from its head; as a gap only when it is read."""

    first: Event | Gap
    last: Event | Gap
    dropped: int = 0
    """Events; those that were lost with a dropped gap are among them."""

    def as_gap(self, topic: str) -> Gap:
        """Return it as one gap."""
        cause = self.first.cause if isinstance(self.first, Gap) else "overflow"
        since, until = _start(self.first), _end(self.last)
        return Gap(topic, cause, since, until, self.last.epoch, self.dropped)


def _start(item: Event | Gap) -> datetime:
    return item.since if isinstance(item, Gap) else item.received_at


def _end(item: Event | Gap) -> datetime:
    return item.until if isinstance(item, Gap) else item.received_at


class QueuedSubscription(Subscription):
    """Fills a mailbox that somebody reads: a stream of events and gaps."""

    def __init__(
        self,
        topic: str,
        owner: str,
        lookup: Lookup | None,
        accepts: Callable[[Event], bool] | None,
        faults: Faults,
        buffer: int,
        overflow: Overflow,
        tally: Tally,
    ) -> None:
        """Hold up to `buffer` events and gaps; what is lost beyond is counted in `tally`."""
        super().__init__(topic, owner, lookup, accepts, faults)
        self._mailbox: Mailbox[Event | Gap] = Mailbox(
            limit=buffer, limit_bytes=MAILBOX_BYTES, overflow=overflow, on_drop=self._lose
        )
        self._loss: Loss | None = None  # stands before all that the mailbox holds
        self._tally = tally
        self.is_busy = False
        """Its callback is at work on an event that was taken."""
        self._turn = 0  # items that may still be taken before others get their turn

    @property
    def waiting_count(self) -> int:
        """How many events and gaps are not read yet."""
        return len(self._mailbox)

    @property
    def fill(self) -> float:
        """How full its mailbox is; 1 is full."""
        return self._mailbox.fill

    def deliver(self, event: Event, size: int) -> None:
        """Put the event into the mailbox; one that is full may end the subscription."""
        if not self._mailbox.put(event, size):
            self._tally.overflowed.value += 1
            self._tell_of_loss()
            self.is_live = False

    def deliver_gap(self, gap: Gap) -> None:
        """Put the gap into the mailbox, or join it with the gap that came last."""
        last = self._mailbox.last()
        if isinstance(last, Gap):
            self._mailbox.replace_last(last.merge(gap))
        elif not self._mailbox.put(gap):
            self.is_live = False

    def _lose(self, item: Event | Gap) -> None:
        """Add an item to what is lost; as many as events come, so it does little."""
        loss = self._loss
        if loss is None:
            loss = self._loss = Loss(item, item)
        loss.last = item
        if isinstance(item, Gap):
            loss.dropped += item.dropped
            return
        loss.dropped += 1
        self._tally.overflowed.value += 1
        if loss.first is item:
            self._tell_of_loss()

    def _tell_of_loss(self) -> None:
        """Count a gap that begins, and tell that this subscription is slow."""
        self._tally.gaps[self.topic, "overflow"] += 1
        self.faults.too_slow(self.owner, self.topic)

    def end(self) -> None:
        """Deliver nothing more, and drop what is not read."""
        self.finish()
        self._mailbox.drain()
        self._loss = None

    def finish(self) -> None:
        """Deliver nothing more; what is there can still be read."""
        super().finish()
        self._mailbox.close()

    async def wait_item(self) -> None:
        """Wait until there is an event or a gap to take; others run once for each batch.

        Raises:
            SlowConsumer: the mailbox was full, and its rule is `close`.
            trio.EndOfChannel: the subscription has ended.
        """
        if self._turn == 0 or not len(self._mailbox):
            await self._mailbox.wait_item()
            self._turn = len(self._mailbox)

    def take(self) -> Event | Gap | None:
        """Take the next event or gap; None if the subscription has ended meanwhile."""
        self._turn = max(0, self._turn - 1)
        if self._loss is None:
            return self._mailbox.take()
        gap, self._loss = self._loss.as_gap(self.topic), None
        neighbour = self._mailbox.first()
        if isinstance(neighbour, Gap):
            self._mailbox.take()
            gap = gap.merge(neighbour)
        return gap


class EventStream:
    """The events and gaps of a topic, in order; an async iterator."""

    def __init__(self, subscription: QueuedSubscription) -> None:
        self._subscription = subscription

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Event | Gap:
        await trio.lowlevel.checkpoint_if_cancelled()
        item = None
        while item is None:  # another reader of the same stream may have been quicker
            try:
                await self._subscription.wait_item()
            except trio.EndOfChannel:
                raise StopAsyncIteration from None
            item = self._subscription.take()
        return item


@asynccontextmanager
async def streaming(
    subscription: QueuedSubscription, add: Callable[[QueuedSubscription], Undo]
) -> AsyncIterator[EventStream]:
    """Subscribe for the scope by `add`, which returns the undo."""
    undo = add(subscription)
    try:
        yield EventStream(subscription)
    finally:
        undo()


async def work(
    subscription: QueuedSubscription,
    callback: Callable[[Event], object],
    on_gap: OnGap | None,
    gate: Gate | None,
    undo: Callable[[], None],
) -> None:
    """Call a callback for each event, one after the other, until the subscription ends.

    The worker's own end, whatever the reason, ends the subscription by `undo`.
    """
    try:
        while True:
            await subscription.wait_item()
            if gate is not None:
                await gate()
            item = subscription.take()
            if isinstance(item, Event):
                await _call(subscription, callback, item)
            elif isinstance(item, Gap) and on_gap is not None:
                await _call(subscription, on_gap, item)
            elif isinstance(item, Gap):
                subscription.faults.unheard(subscription.owner, item)
    except trio.EndOfChannel:
        pass
    except SlowConsumer as exc:
        subscription.faults.failed(subscription.owner, subscription.topic, exc)
    finally:
        undo()


async def _call(
    subscription: QueuedSubscription, receiver: Callable[..., object], item: Event | Gap
) -> None:
    """Call and await the receiver; more than `HANDLER_LIMIT` is an error like any other."""
    subscription.is_busy = True
    try:
        with trio.fail_after(HANDLER_LIMIT):
            outcome = receiver(item)
            if isinstance(outcome, Awaitable):
                await outcome
    except BaseException as exc:  # noqa: BLE001 - as wherever foreign code is called; told below
        subscription.failed(cause_of(exc))  # a nursery of the handler's own makes groups
    finally:
        subscription.is_busy = False
