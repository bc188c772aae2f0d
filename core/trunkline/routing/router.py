"""From a message to the subscribers of its topic; `publish` is synchronous and never waits.

Nothing on this path depends on a plugin's goodwill: a callback that raises is contained, one that
is asynchronous has a mailbox and a worker of its own. Dispatch goes through a snapshot: who is
removed gets nothing more, who is added gets the next event.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

import attrs
import trio

from trunkline.config import EVERY_TOPIC, HOST_TOPIC
from trunkline.errors import StateError
from trunkline.events import Event, Gap, Origin, Unsealed, judged
from trunkline.plugin_api import Overflow, Undo, Where
from trunkline.routing.classify import Classified, Classifier
from trunkline.routing.express import Read, hand_out
from trunkline.routing.faults import Faults
from trunkline.routing.filtering import Filters
from trunkline.routing.lookup import TopicLookup
from trunkline.routing.queued import EventStream, Gate, QueuedSubscription, streaming, work
from trunkline.routing.statistics import NO_TYPE, RouterStatistics, Tally, count_name, shown_name
from trunkline.routing.subscribers import Subscribers
from trunkline.routing.subscription import (
    InlineSubscription,
    OnGap,
    Spent,
    Subscription,
    TimedSubscription,
    is_async,
    prepared,
)
from trunkline.routing.table import RouteTable

SHOWN_KEYS = 16  # names of fields that `message.unclassified` tells


class Router:
    """Subscriptions and their index, fed with messages and events."""

    def __init__(
        self,
        table: RouteTable | None = None,
        *,
        walltime: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Route by `table`; `walltime` tells the seconds since 1970, `clock` those between logs."""
        table = table or RouteTable()
        self._walltime = walltime
        self._tally = Tally()
        self._faults = Faults(clock)
        self._filters = (  # None: nothing to ask, and nothing spent on asking
            Filters(table.filters, self._tally, self._faults) if table.filters else None
        )
        self._subscribers = Subscribers()
        self._remove = self._subscribers.remove  # bound once: each subscription's undo holds it
        self._dispatch = self._subscribers.dispatch
        self._lookup = TopicLookup(
            Classifier(table, on_error=self._faults.rule_failed), self._subscribers
        )
        self._spent: dict[str, Spent] = {}  # {plugin: time in its synchronous callbacks}
        self._retained: dict[str, Event] = {}  # {key: the last `system` event with it}
        self._nursery: trio.Nursery | None = None

    def serve(self, nursery: trio.Nursery) -> None:
        """Run the workers of asynchronous callbacks in `nursery`."""
        self._nursery = nursery

    def reserve(self, types: Collection[str]) -> None:
        """Leave messages of these types, whatever topic they name, to whoever calls `route`."""
        self._lookup.reserved = frozenset(types)

    # in

    def classify(self, message: Mapping[str, Any]) -> Classified:
        """Return the topic of a message, and which rule found it."""
        return self._lookup.classifier.classify(message)

    def route(
        self,
        message: dict[str, Any],
        size: int,
        epoch: int,
        received: float,
        *,
        origin: Origin = "live",
    ) -> bool:
        """Classify a message of `size` bytes and publish it; False if its type is reserved.

        `received` is wall time, in seconds since 1970. Never raises.
        """
        kind = message.get("type")
        if type(kind) is not str:
            kind = ""
        index = self._lookup.by_type.get(kind) if message.get("topic") is None else None
        if index is None:
            if kind in self._lookup.reserved:
                return False
            index, is_known = self._lookup.ask(message, kind)
            if not is_known:
                self._unclassified(message, epoch)
            if index is None:
                return True
        event = Unsealed().sealed(index.topic, kind, message, epoch, origin, received)
        if self._filters is None:
            self._dispatch(index, event, message if kind else judged(event), size)
        else:
            self.publish(event, size)
        return True

    def route_batch(
        self,
        payloads: Iterable[bytes],
        read: Read,
        aside: Callable[[object], None],
        epoch: int,
        received: float,
    ) -> None:
        """Route what `read` makes of each payload, as `route` would, in a fraction of the time.

        What is no object or is reserved goes to `aside`; None where `read` raised `ValueError`.
        """

        def otherwise(message: object, payload: bytes) -> None:
            if not isinstance(message, dict) or not self.route(
                message, len(payload), epoch, received
            ):
                aside(message)

        known = self._lookup.by_type if self._filters is None else {}
        everything = self._subscribers.everything
        hand_out(payloads, read, known, everything, otherwise, epoch, received)

    def publish(self, event: Event, size: int = 0) -> None:
        """Filter an event and hand it to the subscribers of its topic, then to those of `*`.

        Only what the host itself announces passes no filter: a message of the server's that
        names the topic `system` must not get around a mask.
        """
        if self._filters is not None:
            if (passed := self._filters.apply(event)) is None:
                return
            event = passed
        self._dispatch(self._subscribers.of(event.topic), event, judged(event), size)

    def announce(
        self, kind: str, data: Mapping[str, Any], *, key: str | None = None, epoch: int = 0
    ) -> None:
        """Publish a `system` event of the host's own; with `key` the last one is retained."""
        event = Event(HOST_TOPIC, kind, data, epoch, "local", self._walltime())
        if key is not None:
            self._retained[key] = event
        self._dispatch(self._subscribers.of(HOST_TOPIC), event, judged(event), 0)

    def gap(self, gap: Gap) -> None:
        """Hand a gap to every subscription, in its place, as a gap of its own topic."""
        self._tally.gaps[gap.topic, gap.cause] += 1
        for subscription in self._subscribers:
            if subscription.is_live:
                subscription.deliver_gap(attrs.evolve(gap, topic=subscription.topic))

    def _unclassified(self, message: Mapping[str, Any], epoch: int) -> None:
        kind = message.get("type")
        name = shown_name(kind) if isinstance(kind, str) else None
        if count_name(self._tally.unclassified, name or NO_TYPE):
            keys = [shown_name(key) for key in sorted(message)[:SHOWN_KEYS]]
            self.announce("message.unclassified", {"type": name, "keys": keys}, epoch=epoch)

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
        condition = prepared(topic, where)
        if not (is_async(callback) or is_async(on_gap)):
            common = (topic, owner, *condition, self._faults, callback, on_gap)
            if not owner:
                return self._added(InlineSubscription(*common))
            spent = self._spent.setdefault(owner, Spent())
            return self._added(TimedSubscription(*common, spent))
        nursery = nursery or self._nursery
        if nursery is None:
            raise StateError("an asynchronous callback needs a running host or connection")
        queued = QueuedSubscription(
            topic, owner, *condition, self._faults, buffer, overflow, self._tally
        )
        undo = partial(self._remove, queued)
        name = f"{owner or 'subscriber'} {topic}"
        nursery.start_soon(work, queued, callback, on_gap, gate, undo, name=name)
        return self._added(queued)  # last, for a nursery that is closed takes nobody

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
        condition = prepared(topic, where)
        subscription = QueuedSubscription(
            topic, "", *condition, self._faults, buffer, overflow, self._tally
        )
        return streaming(subscription, self._added)

    def _added(self, subscription: Subscription) -> Undo:
        self._subscribers.add(subscription)
        if subscription.topic in {HOST_TOPIC, EVERY_TOPIC}:
            lookup = subscription.lookup
            for event in tuple(self._retained.values()):
                is_found = lookup is None or lookup.fits(judged(event))
                if is_found and subscription.admits(event):
                    subscription.deliver(event, 0)
        return partial(self._remove, subscription)

    def subscription_count(self, topic: str | None = None) -> int:
        """Return how many subscriptions there are, to `topic` or in all."""
        return self._subscribers.count(topic)

    def topics(self) -> tuple[str, ...]:
        """Return the topics that are subscribed to, sorted."""
        return self._subscribers.topics()

    def clear(self, topic: str | None = None) -> int:
        """End the subscriptions to `topic`, or all; return how many there were."""
        return self._subscribers.clear(topic)

    def close(self) -> None:
        """Route nothing more; what waits in mailboxes can still be read to its end."""
        for subscription in self._subscribers:
            subscription.finish()

    def is_drained(self, without: Collection[str] = ()) -> bool:
        """Tell whether all mailboxes are read and no callback works, but for owners `without`."""
        return not any(
            each.waiting_count or each.is_busy
            for each in self._subscribers
            if isinstance(each, QueuedSubscription) and each.owner not in without
        )

    def statistics(self) -> RouterStatistics:
        """Return a snapshot of everything that is counted."""
        queued = [each for each in self._subscribers if isinstance(each, QueuedSubscription)]
        return RouterStatistics(
            routed=self._subscribers.routed(),
            dropped=self._tally.all_dropped(),
            unclassified=dict(self._tally.unclassified),
            handler_errors=dict(self._faults.counts),
            handler_seconds={owner: spent.seconds for owner, spent in self._spent.items()},
            gaps=dict(self._tally.gaps),
            subscription_count=self.subscription_count(),
            waiting_count=sum(each.waiting_count for each in queued),
            mailbox_used=max((each.fill for each in queued), default=0.0),
        )
