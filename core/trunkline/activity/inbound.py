"""Routed events on their way to the sinks that want their topic (activity A25).

They come after the filters, which are their privacy, and wait while the inbox is half full; what
the waiting costs is a gap, and a gap is written in its place.
"""

from collections.abc import Sequence

import trio

from trunkline.activity.changes import Changes
from trunkline.activity.inbox import Inbound, Inbox
from trunkline.activity.losses import Losses
from trunkline.activity.outbox import gap_event, inbound_row
from trunkline.activity.record import TOPIC
from trunkline.errors import InvalidData
from trunkline.events import Event, Gap
from trunkline.routing.router import Router

BUFFER = 4096  # events in one subscription's mailbox: a batch of the connection's may bring as many
HALF = 0.5  # of the inbox, which is there for what is recorded here


class InboundFeed:
    """Follows the topics that some sink wants."""

    def __init__(
        self, topics: Sequence[str], inbox: Inbox, losses: Losses, changes: Changes
    ) -> None:
        self._topics = topics
        self._inbox = inbox
        self._losses = losses
        self._changes = changes
        self._following = 0

    async def run(
        self, router: Router, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Follow until the router is closed and everything that came before is in the inbox."""
        async with trio.open_nursery() as nursery:
            for topic in self._topics:
                await nursery.start(self._follow, router, topic)
            task_status.started()

    async def wait_done(self) -> None:
        """Wait until nothing more will come."""
        while self._following:
            await self._changes.wait()

    async def _follow(
        self, router: Router, topic: str, *, task_status: trio.TaskStatus[None]
    ) -> None:
        self._following += 1
        try:
            async with router.events(topic, buffer=BUFFER) as stream:
                task_status.started()
                async for item in stream:
                    await self._put(gap_event(item) if isinstance(item, Gap) else item)
        finally:
            self._following -= 1
            self._changes.notify()

    async def _put(self, event: Event) -> None:
        if event.topic == TOPIC:
            return  # the server's copy of what was recorded here or elsewhere
        try:
            row = inbound_row(event)
        except InvalidData as exc:
            self._losses.add("outbox", "not_json", error=exc)
            return
        while self._inbox.fill >= HALF:
            await self._changes.wait()
        self._inbox.put(Inbound(row, row.size), row.size, always=True)
