"""Compares a plugin's store with the server now and then, because a server can go deaf.

Its bus gone, it answers pings and says that it is healthy, and no event is ever pushed again
(protocol §12): the store would be wrong for ever, and nobody would know.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import trio

from trunkline import Event, NotSent, OutcomeUnknown, PluginContext, Rejected

REPAIRED = "store.repaired"
INTERVAL = 300.0  # s; a list or two of the server's HTTP side for each plugin


async def wait_connected(ctx: PluginContext[Any]) -> None:
    """Wait until the connection is up; at once where it is."""
    async with ctx.events("system", _is_connected) as events:  # retained: who comes late is told
        async for _ in events:
            return
    await trio.sleep_forever()  # the host is stopping, and cancels us


def _is_connected(event: Event) -> bool:
    return event.type == "connection.state" and event.get("new") == "connected"


class Reconciling:
    """Compares again and again, repairs, and knows what to say about it in `status`."""

    def __init__(
        self,
        ctx: PluginContext[Any],
        compare: Callable[[], Awaitable[list[str]]],
        *,
        topic: str,
        interval: float = INTERVAL,
    ) -> None:
        """Call `compare` every `interval` seconds; it repairs, and returns the ids it repaired.

        A difference is published on `topic` as `store.repaired`.
        """
        self._ctx = ctx
        self._compare = compare
        self._topic = topic
        self._interval = interval
        self._stalled_since: datetime | None = None
        self._repaired_count = 0
        self._failure = ""

    async def run(self) -> NoReturn:
        """Go on until cancelled; what the server cannot answer is tried again in time."""
        while True:
            await trio.sleep(self._interval)
            await wait_connected(self._ctx)
            try:
                repaired = await self._compare()
            except (Rejected, NotSent, OutcomeUnknown) as exc:
                self._failure = str(exc)
                self._ctx.log.warning("reconcile.failed", extra={"reason": self._failure})
                continue
            self._failure = ""
            self._note(repaired)

    def alive(self) -> None:
        """An event has come: the server pushes."""
        self._stalled_since = None

    def line(self) -> str:
        """Return what to add to the line in `status`; nothing while all is well."""
        if self._stalled_since is not None:
            since = self._stalled_since.strftime("%H:%M:%S UTC")
            return f"; stalled: {self._repaired_count} repaired at {since}, no event since"
        return f"; cannot be compared with the server: {self._failure}" if self._failure else ""

    def _note(self, repaired: list[str]) -> None:
        if not repaired:
            return
        self._stalled_since = datetime.now(UTC)
        self._repaired_count = len(repaired)
        self._ctx.log.warning("reconcile.repaired", extra={"count": len(repaired)})
        told = {"type": REPAIRED, "ids": repaired, "count": len(repaired)}
        self._ctx.publish(self._topic, REPAIRED, told)
