"""Puts the pipeline together: inbox → stages → outbox → one delivery for each sink."""

import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import attrs
import trio

from trunkline.activity.changes import Changes
from trunkline.activity.delivery import Delivery, SinkStatistics
from trunkline.activity.flushing import FlushReport, SinkReport
from trunkline.activity.inbound import InboundFeed
from trunkline.activity.intake import GROUP, GROUP_IN_LINE, Intake
from trunkline.activity.keeper import Keeper
from trunkline.activity.link import Gate, Link
from trunkline.activity.losses import Losses
from trunkline.activity.outbox import (
    At,
    Bounds,
    Connect,
    Register,
    connected,
    inbound_topics,
    nowhere,
)
from trunkline.activity.sinks import SinkRule
from trunkline.activity.stages import Stages
from trunkline.activity.tracker import Tracker, Until
from trunkline.activity.worker import RunSync, Worker, in_line, trio_waker
from trunkline.backoff import WORK
from trunkline.routing.router import Router
from trunkline.supervise import supervise

logger = logging.getLogger(__name__)


@attrs.frozen
class ActivityStatistics:
    """What was recorded and delivered."""

    refused: Mapping[str, int]
    """{reason: calls that recorded nothing}"""
    recorded_count: int
    """Activities that passed the stages."""
    inbox_count: int
    """Recorded, and not stored yet."""
    dropped: Mapping[str, Mapping[str, int]]
    """{where: {reason: records that went no further}}"""
    outbox_count: int
    """Events in the outbox, which some sink still has to take."""
    outbox_bytes: int
    path: str | None
    """The file; None: in memory."""
    degraded: str | None
    """Why nothing can be stored just now."""
    sinks: tuple[SinkStatistics, ...]


class Activity:
    """The pipeline of one host: runs while the host does."""

    def __init__(
        self,
        tracker: Tracker,
        sinks: Sequence[SinkRule],
        rng: random.Random,
        *,
        path: Path | None = None,
        stages: Stages | None = None,
        link: Link | None = None,
        away: Collection[str] = (),
        walltime: Callable[[], float] = time.time,
        run_sync: RunSync | None = None,
        connect: Connect = connected,
        bounds: Bounds | None = None,
        at: At = nowhere,
    ) -> None:
        """Prepare it; nothing is opened yet.

        `path` None keeps the outbox in memory. `away` are plugins that do not run this time, and
        whose sinks keep their places. `run_sync` runs a function beside the loop; where there is
        neither a file nor a hook, nothing needs to. `connect`, `bounds` and `at` are for tests.
        """
        self._tracker = tracker
        stages = stages or Stages(application=tracker.application)
        if tracker.is_switched_off:
            path = None
        is_in_line = run_sync is None and path is None and not stages.has_hooks
        worker = Worker(in_line if is_in_line else run_sync)
        keys = [rule.key for rule in sinks]
        self._keeper = Keeper(
            path, worker, partial(Register, keys, away), rng, connect=connect, bounds=bounds, at=at
        )
        self._changes = Changes()
        self._losses = Losses()
        self._link = link
        self._rng = rng
        self._intake = Intake(
            tracker, stages, worker, self._keeper, self._losses, self._changes,
            on_known=self._greet, group=GROUP_IN_LINE if is_in_line else GROUP,
        )  # fmt: skip
        topics = inbound_topics(keys)
        self._topics = topics
        self._inbound = InboundFeed(topics, tracker.inbox, self._losses, self._changes)
        self._deliveries = [
            Delivery(
                rule, self._keeper, rng, self._changes,
                permits=stages.permits, walltime=walltime, at=at,
                gate=Gate(rule.name, self._keeper, link) if rule.greets and link else None,
            )
            for rule in sinks
        ]  # fmt: skip
        if link is not None:
            link.on_state_change(self._on_link)

    def inbound_topics(self) -> tuple[str, ...]:
        """Return the routed topics that it follows, with one subscription each."""
        return self._topics

    @property
    def degraded(self) -> str | None:
        """Why nothing can be stored just now; None if it can."""
        return self._keeper.degraded

    async def open(self) -> None:
        """Open the outbox.

        Raises:
            OutboxLocked: another host has the file.
            ConfigError: the file is not ours to use.
            OutboxUnavailable: it cannot be opened.
        """
        await self._keeper.open()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take what is recorded and deliver it, until cancelled; the outbox is closed then."""
        if not self._keeper.is_open:
            await self.open()
        self._tracker.attach(trio_waker(self._intake.wake), self.flush)
        try:
            async with trio.open_nursery() as nursery:
                for delivery in self._deliveries:
                    nursery.start_soon(self._supervised, delivery)
                nursery.start_soon(self._intake.run)
                nursery.start_soon(self._keeper.look, self._changes.notify)
                task_status.started()
        finally:
            self._tracker.detach()
            self._tell_what_is_lost()
            await self.close()

    async def close(self) -> None:
        """Close the outbox, where it is open: for whoever has opened it and does not run it."""
        await self._keeper.close()

    async def follow(
        self, router: Router, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Take the routed events that some sink wants, until the router is closed."""
        await self._inbound.run(router, task_status=task_status)

    async def _supervised(self, delivery: Delivery) -> None:
        name = f"sink {delivery.rule.name}"
        await supervise(name, delivery.run, WORK, rng=self._rng, on_state=delivery.take_report)

    def _greet(self) -> None:
        if self._link is not None:
            self._link.greet()

    def _on_link(self, _: object) -> None:
        """Look again at once where the server is the sink: there may be a link now."""
        for delivery in self._deliveries:
            if delivery.rule.greets:
                delivery.retry_now()

    async def flush(self, limit: float, until: Until = "delivered") -> FlushReport:
        """Wait at most `limit` seconds until what is recorded is stored, or delivered; say what is true."""
        is_done = False
        with trio.move_on_after(limit):
            await self._wait_stored()
            if until == "delivered":  # a command may have given back dead letters just now
                await self._keeper.look_now(self._changes.notify)
            seq = self._keeper.outbox.tail
            while until == "delivered" and not all(each.has_had(seq) for each in self._deliveries):
                await self._changes.wait()
            is_done = True
        return self._report(is_done=is_done)

    async def _wait_stored(self) -> None:
        """Wait until everything that was recorded before now is stored, or dropped by name."""
        target = self._tracker.inbox.put_count
        while self._intake.handled_count < target:
            await self._changes.wait()

    def _report(self, *, is_done: bool) -> FlushReport:
        sinks = {
            each.name: SinkReport(
                each.delivered_count,
                each.waiting_count,
                each.dead_count,
                sum(each.dropped.values()) + each.forgotten_count,
            )
            for each in (delivery.statistics() for delivery in self._deliveries)
        }
        waiting = max((each.waiting for each in sinks.values()), default=0)
        return FlushReport(
            delivered=min((each.delivered for each in sinks.values()), default=0),
            waiting=waiting + self._tracker.inbox.count,
            dead=sum(each.dead for each in sinks.values()),
            dropped=sum(each.dropped for each in sinks.values())
            + self._losses.total()
            + self._tracker.refused.total(),
            is_done=is_done,
            sinks=sinks,
        )

    async def drain(self) -> None:
        """Store and deliver what is there; the limit is the caller's. What is in a file stays there."""
        await self._inbound.wait_done()
        await self._wait_stored()
        for delivery in self._deliveries:
            delivery.close()
        while not all(delivery.is_done for delivery in self._deliveries):
            await self._changes.wait()

    def _tell_what_is_lost(self) -> None:
        """Log what ends with the process, by sink and kind."""
        if self._tracker.inbox.count:
            about = {"reason": "not stored", "count": self._tracker.inbox.count}
            logger.warning("outbox.lost", extra=about)
        if self._keeper.path is None and self._keeper.is_open:
            for sink, kinds in self._keeper.outbox.left().items():
                for kind, count in kinds.items():
                    about = {"reason": "in memory", "sink": sink, "type": kind, "count": count}
                    logger.warning("outbox.lost", extra=about)

    def statistics(self) -> ActivityStatistics:
        """Return a snapshot."""
        keeper = self._keeper
        return ActivityStatistics(
            refused=dict(self._tracker.refused),
            recorded_count=self._intake.recorded_count,
            inbox_count=self._tracker.inbox.count,
            dropped={where: dict(counts) for where, counts in self._losses.counts.items()},
            outbox_count=keeper.outbox.used.events if keeper.is_open else 0,
            outbox_bytes=keeper.outbox.used.bytes if keeper.is_open else 0,
            path=None if keeper.path is None else str(keeper.path),
            degraded=keeper.degraded,
            sinks=tuple(each.statistics() for each in self._deliveries),
        )
