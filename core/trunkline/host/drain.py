"""A host's end in its order: handlers and sinks finish, plugins stop, the link is closed (DR1)."""

import logging
from collections.abc import Callable

import attrs
import trio

from trunkline.activity.activity import Activity
from trunkline.activity.tracker import Tracker
from trunkline.connection.connection import Connection
from trunkline.plugin.runner import PluginRunner, stop_in_order
from trunkline.plugin.states import PluginState
from trunkline.routing.router import Router

logger = logging.getLogger(__name__)

CLOSE_TIME = 1.5  # s of the limit that are kept for the close of the socket, a quarter at most
CLEANUP_TIME = 2.0  # s before that for the clean-ups of plugins, a quarter at most, too
HURRY = 0.5  # s for what is cut short
POLL = 0.02  # s


@attrs.define
class Drain:
    """What is stopped, and how far that has come."""

    connection: Connection
    tracker: Tracker
    router: Router
    activity: Activity
    runners: list[PluginRunner]
    limit: float
    """Seconds for all of it."""
    hurry: trio.Event = attrs.Factory(trio.Event)
    """Set it, and what is under way is cut short."""
    on_stop: Callable[[float], None] = lambda _: None
    """Is told within how many seconds everything should have ended."""
    unread_count: int = 0
    """Events that no handler will read."""

    async def run(self) -> None:
        """Stop everything within the limit."""
        self.on_stop(self.limit)
        deadline = trio.current_time() + self.limit
        close_time = min(CLOSE_TIME, self.limit / 4)
        with trio.move_on_at(deadline) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._cancel_in_a_hurry, scope)
                self.connection.drain()
                self.tracker.close()
                self.router.close()
                with trio.move_on_at(deadline - close_time):
                    await self._flush(deadline - close_time)
                nursery.cancel_scope.cancel()
        undelivered = sum(sink.waiting_count for sink in self.activity.statistics().sinks)
        about = {"count": undelivered, "dropped": self.unread_count}
        logger.info("host.drain", extra=about)
        self.connection.stop()
        if not self.hurry.is_set():
            with trio.move_on_after(close_time):
                await self.connection.wait_ended()

    async def _flush(self, until: float) -> None:
        """Let handlers finish their mailboxes and sinks deliver, side by side; then stop plugins.

        The sinks come first because those of a stopped plugin can no longer deliver.
        """
        try:
            with trio.move_on_at(until - min(CLEANUP_TIME, self.limit / 4)):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.activity.drain)
                    nursery.start_soon(self._wait_handlers)
        finally:
            self.unread_count = self.router.statistics().waiting_count
        await stop_in_order(self.runners, until)

    async def _wait_handlers(self) -> None:
        """Wait until all is read but by plugins that are down, which may be so for a minute."""
        while not self.router.is_drained(without=self._down()):  # noqa: ASYNC110 - many mailboxes, and a stop is rare
            await trio.sleep(POLL)

    def _down(self) -> set[str]:
        records = [runner.record for runner in self.runners]
        return {record.name for record in records if record.state is PluginState.WAITING}

    async def _cancel_in_a_hurry(self, scope: trio.CancelScope) -> None:
        await self.hurry.wait()
        self.on_stop(HURRY)
        for runner in self.runners:
            runner.stop(trio.current_time())  # clean-ups are shielded: they get no more time
        scope.cancel()
