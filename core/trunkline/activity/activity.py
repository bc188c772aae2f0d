"""Puts the tracker and the sinks together: one task takes the inbox, one delivers for each sink."""

import random
from collections.abc import Sequence

import attrs
import trio

from trunkline.activity.delivery import Delivery, SinkStatistics
from trunkline.activity.record import TOPIC
from trunkline.activity.sinks import SinkRule
from trunkline.activity.tracker import FlushReport, Tracker, trio_waker
from trunkline.backoff import WORK
from trunkline.events import Event
from trunkline.routing.subscription import EVERY_TOPIC
from trunkline.supervise import supervise


@attrs.frozen
class ActivityStatistics:
    """What was recorded and delivered."""

    refused: dict[str, int]
    """{reason: calls that recorded nothing}"""
    recorded_count: int
    sinks: tuple[SinkStatistics, ...]


class Activity:
    """The delivery of one host: runs while the host does."""

    def __init__(self, tracker: Tracker, sinks: Sequence[SinkRule], rng: random.Random) -> None:
        self._tracker = tracker
        self._rng = rng
        self._deliveries = [Delivery(rule, rng) for rule in sinks]
        self._has_records = trio.Event()
        self._recorded = 0

    def inbound_topics(self) -> tuple[str, ...]:
        """Return the topics other than recorded activity that some sink wants.

        Where one wants every topic, `*` stands alone: each event is offered once.
        """
        wanted = {topic for each in self._deliveries for topic in each.rule.topics}
        return (EVERY_TOPIC,) if EVERY_TOPIC in wanted else tuple(sorted(wanted - {TOPIC}))

    def offer(self, event: Event) -> None:
        """Give a routed event to the sinks that want its topic, or every topic."""
        for delivery in self._deliveries:
            if {event.topic, EVERY_TOPIC} & set(delivery.rule.topics) and event.topic != TOPIC:
                delivery.put(event)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take what is recorded and deliver it, until cancelled."""
        self._tracker.attach(trio_waker(self._wake), self.flush)
        try:
            async with trio.open_nursery() as nursery:
                for delivery in self._deliveries:
                    name = f"sink {delivery.rule.name}"
                    nursery.start_soon(self._supervised, name, delivery)
                task_status.started()
                while True:
                    self._take()
                    await self._has_records.wait()
                    self._has_records = trio.Event()
        finally:
            self._tracker.detach()

    async def _supervised(self, name: str, delivery: Delivery) -> None:
        await supervise(name, delivery.run, WORK, rng=self._rng)

    def _wake(self) -> None:
        self._has_records.set()

    def _take(self) -> None:
        for event in self._tracker.take():
            self._recorded += 1
            for delivery in self._deliveries:
                if TOPIC in delivery.rule.topics or EVERY_TOPIC in delivery.rule.topics:
                    delivery.put(event)

    async def flush(self, limit: float) -> FlushReport:
        """Wait at most `limit` seconds until every sink has taken everything; say what is true."""
        self._take()
        with trio.move_on_after(limit):
            for delivery in self._deliveries:
                await delivery.wait_empty()
        waiting = max((each.statistics().waiting_count for each in self._deliveries), default=0)
        dead = sum(each.statistics().dead_count for each in self._deliveries)
        dropped = sum(sum(each.statistics().dropped.values()) for each in self._deliveries)
        return FlushReport(self._recorded - waiting, waiting, dead + dropped)

    async def drain(self) -> None:
        """Deliver what is there; the limit is the caller's."""
        self._take()
        for delivery in self._deliveries:
            delivery.close()
        for delivery in self._deliveries:
            await delivery.wait_empty()

    def statistics(self) -> ActivityStatistics:
        """Return a snapshot."""
        sinks = tuple(each.statistics() for each in self._deliveries)
        return ActivityStatistics(dict(self._tracker.refused), self._recorded, sinks)
