"""From a message to the subscribers of its topic; `publish` is synchronous and never waits.

Nothing on this path depends on a plugin's goodwill: a callback that raises is contained, one that
is asynchronous has a mailbox and a worker of its own. Dispatch goes through a snapshot: who is
removed gets nothing more, who is added gets the next event.
"""

import inspect
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio

from trunkline.errors import StateError
from trunkline.events import Event, Gap, Origin
from trunkline.plugin_api import Overflow, Undo, Where
from trunkline.routing.classify import Classified, Classifier
from trunkline.routing.faults import HandlerErrors
from trunkline.routing.filtering import Filters
from trunkline.routing.index import TopicIndex
from trunkline.routing.statistics import RouterStatistics, Tally
from trunkline.routing.subscription import (
    EventStream,
    Gate,
    InlineSubscription,
    OnGap,
    QueuedSubscription,
    Subscription,
    work,
)
from trunkline.routing.table import RouteTable
from trunkline.where import Equality, compile_where

EVERY_TOPIC = "*"
SYSTEM = "system"


class Router:
    """Subscriptions and their index, fed with messages and events."""

    def __init__(
        self, table: RouteTable | None = None, *, walltime: Callable[[], float] = time.time
    ) -> None:
        """Route by `table`; `walltime` tells the seconds since 1970."""
        table = table or RouteTable()
        self._walltime = walltime
        self._classifier = Classifier(table)
        self._tally = Tally()
        self._filters = Filters(table.filters, self._tally)
        self._errors = HandlerErrors()
        self._indexes: dict[str, TopicIndex] = {}
        self._retained: dict[str, Event] = {}  # {key: the last `system` event with it}
        self._nursery: trio.Nursery | None = None

    def serve(self, nursery: trio.Nursery) -> None:
        """Run the workers of asynchronous callbacks in `nursery`."""
        self._nursery = nursery

    # in

    def classify(self, message: Mapping[str, Any]) -> Classified:
        """Return the topic of a message, and which rule found it."""
        return self._classifier.classify(message)

    def route(
        self,
        message: dict[str, Any],
        size: int,
        *,
        epoch: int,
        received: float,
        origin: Origin = "live",
    ) -> None:
        """Classify a message of `size` bytes and publish it; never raises.

        `received` is wall time, in seconds since 1970.
        """
        found = self._classifier.classify(message)
        topic = found.topic
        if found.how in {"type", "none"}:
            self._unclassified(message, epoch)
        if topic is not None:
            kind = message.get("type")
            self.publish(
                Event(
                    topic, kind if isinstance(kind, str) else "", message, epoch, origin, received
                ),
                size,
            )

    def publish(self, event: Event, size: int = 0) -> None:
        """Filter an event and hand it to the subscribers of its topic, then to those of `*`."""
        topic = event.topic
        if topic != SYSTEM and self._filters:
            passed = self._filters.apply(event)
            if passed is None:
                return
            event, topic = passed, passed.topic
        self._tally.routed(topic)
        index = self._indexes.get(topic)
        if index is not None:
            for subscription in index.find(event.data):
                subscription.offer(event, size)
        index = self._indexes.get(EVERY_TOPIC)
        if index is not None:
            for subscription in index.find(event.data):
                subscription.offer(event, size)

    def announce(
        self, kind: str, data: Mapping[str, Any], *, key: str | None = None, epoch: int = 0
    ) -> None:
        """Publish a `system` event of the host's own; with `key` the last one is retained."""
        event = Event(SYSTEM, kind, data, epoch, "local", self._walltime())
        if key is not None:
            self._retained[key] = event
        self.publish(event)

    def gap(self, gap: Gap) -> None:
        """Hand a gap to every subscription, in its place, as a gap of its own topic."""
        for topic, index in tuple(self._indexes.items()):
            own = Gap(topic, gap.cause, gap.since, gap.until, gap.epoch, gap.dropped)
            for subscription in index:
                subscription.deliver_gap(own)

    def _unclassified(self, message: Mapping[str, Any], epoch: int) -> None:
        kind = message.get("type")
        name = kind if isinstance(kind, str) else None
        if self._tally.unclassified(name):
            self.announce(
                "message.unclassified", {"type": name, "keys": sorted(message)[:16]}, epoch=epoch
            )

    # out

    def subscribe(
        self,
        topic: str,
        callback: Callable[[Event], object],
        where: Where | None = None,
        on_gap: OnGap | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
        *,
        owner: str = "",
        nursery: trio.Nursery | None = None,
        gate: Gate | None = None,
    ) -> Undo:
        """Call `callback` for the events of `topic`; return its undo.

        A synchronous callback is called in line; an asynchronous one has a worker in `nursery`,
        by default the router's. The worker awaits `gate` before each call, in its own time.

        Raises:
            WhereError: the condition cannot be used.
            StateError: an asynchronous callback, and no nursery to run it in.
        """
        index_by, accepts = _compiled(where)
        if not _is_async(callback):
            inline = InlineSubscription(
                topic, owner, index_by, accepts, self._errors, callback, on_gap
            )
            return self._added(inline)
        nursery = nursery or self._nursery
        if nursery is None:
            raise StateError("an asynchronous callback needs a running host or connection")
        queued = QueuedSubscription(topic, owner, index_by, accepts, self._errors, buffer, overflow)
        nursery.start_soon(
            work, queued, callback, on_gap, gate, name=f"{owner or 'subscriber'} {topic}"
        )
        return self._added(queued)

    def events(
        self,
        topic: str,
        where: Where | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
    ) -> AbstractAsyncContextManager[EventStream]:
        """Open a stream of the events and gaps of `topic`; it ends with its scope.

        Raises:
            WhereError: the condition cannot be used.
        """
        index_by, accepts = _compiled(where)
        subscription = QueuedSubscription(
            topic, "", index_by, accepts, self._errors, buffer, overflow
        )

        @asynccontextmanager
        async def scope() -> AsyncIterator[EventStream]:
            undo = self._added(subscription)
            try:
                yield EventStream(subscription)
            finally:
                undo()

        return scope()

    def _added(self, subscription: Subscription) -> Undo:
        topic = subscription.topic
        self._indexes.setdefault(topic, TopicIndex()).add(subscription)
        if topic in {SYSTEM, EVERY_TOPIC}:
            for event in tuple(self._retained.values()):
                if subscription.index_by is None or subscription.index_by.holds(event.data):
                    subscription.offer(event, 0)

        def undo() -> None:
            self._remove(subscription)

        return undo

    def _remove(self, subscription: Subscription) -> None:
        index = self._indexes.get(subscription.topic)
        if index is None or not index.discard(subscription):
            return
        subscription.end()
        if not len(index):
            del self._indexes[subscription.topic]

    def subscription_count(self, topic: str | None = None) -> int:
        """Return how many subscriptions there are, to `topic` or in all."""
        if topic is not None:
            return len(self._indexes.get(topic, ()))
        return sum(len(index) for index in self._indexes.values())

    def topics(self) -> tuple[str, ...]:
        """Return the topics that are subscribed to, sorted."""
        return tuple(sorted(self._indexes))

    def clear(self, topic: str | None = None) -> int:
        """End the subscriptions to `topic`, or all; return how many there were."""
        ended = [
            subscription
            for name, index in self._indexes.items()
            if topic in {None, name}
            for subscription in index
        ]
        for subscription in ended:
            self._remove(subscription)
        return len(ended)

    def close(self) -> None:
        """Route nothing more; what waits in mailboxes can still be read to its end."""
        for index in tuple(self._indexes.values()):
            for subscription in index:
                subscription.finish()

    def statistics(self) -> RouterStatistics:
        """Return a snapshot of everything that is counted."""
        waiting = dropped = 0
        for index in self._indexes.values():
            for subscription in index:
                if isinstance(subscription, QueuedSubscription):
                    waiting += subscription.waiting_count
                    dropped += subscription.dropped_count
        return self._tally.snapshot(
            self._errors.counts, self.subscription_count(), waiting, dropped
        )


def _compiled(where: Where | None) -> tuple[Equality | None, Callable[[Event], bool] | None]:
    """Return what the index takes over from a condition, and what is left to judge."""
    if where is None:
        return None, None
    if not isinstance(where, Mapping):
        return None, where
    conditions = compile_where(where)
    first, rest = conditions.split()
    if rest is None:
        return first, None
    return first, lambda event: rest.holds(event.data)


def _is_async(callback: Callable[..., object]) -> bool:
    call = getattr(callback, "__call__", None)  # noqa: B004 - an object whose call is a coroutine function
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(call)
