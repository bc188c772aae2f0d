"""Compares a plugin's store with the server, because a server can fall silent.

Its bus gone, it answers pings and says that it is healthy, and no event is ever pushed again
(protocol §12): the store would be wrong for ever, and nobody would know. What happened before the
start or during a gap was missed for a known reason; what was missed without one shows that silence.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, NoReturn, TypeVar

import trio

from trunkline import PluginContext, Rejected
from trunkline_plugins.asking import FAILURES, is_in_trouble
from trunkline_plugins.seams import CONNECTED

FIRST = 2.0  # s for the link, which comes first; where it does not come, HTTP may still answer
GRACE = 5.0  # s in which an event may still be on its way that the server's HTTP side knows of
AGAIN = 15.0  # s until a server that gave no answer is asked again
LONGEST_REASON = 120  # characters in the status line

T = TypeVar("T")


def _nobody(_: list[str]) -> None:
    """Tell nobody."""


class Reconciling(Generic[T]):
    """Compares again and again, and knows what to say about it in `status`."""

    def __init__(
        self,
        ctx: PluginContext[Any],
        fetch: Callable[[], Awaitable[Sequence[T]]],
        repair: Callable[[Sequence[T]], list[str]],
        *,
        interval: float,
        on_stalled: Callable[[list[str]], object] = _nobody,
    ) -> None:
        """Let `fetch` ask the server, and `repair` put into the store what it does not know yet.

        `interval` is in seconds; with 0 only the start and gaps are a reason. `repair` returns the
        ids of what it repaired; `on_stalled` is told of those for which there is no reason.
        """
        self._ctx = ctx
        self._fetch = fetch
        self._repair = repair
        self._interval = interval or math.inf
        self._on_stalled = on_stalled
        self._missing = trio.Event()
        self._is_explained = True  # what is missing: there was a gap, or nothing was compared yet
        self._stalled_since: datetime | None = None
        self._repaired_count = 0  # since then
        self._failure = ""

    async def run(self) -> NoReturn:
        """Compare once connected, after each gap, and every now and then; until cancelled."""
        self._ctx.subscribe("system", lambda _: self.missed(), CONNECTED)
        with trio.move_on_after(FIRST):
            await self._missing.wait()
        while True:
            self._missing = trio.Event()
            with trio.move_on_after(await self._compare()):
                await self._missing.wait()
                await trio.sleep(GRACE)  # the back-fill comes first

    def missed(self) -> None:
        """Something may have been missed, and there is a reason."""
        self._is_explained = True
        self._missing.set()

    def heard(self) -> None:
        """A live event has come: the server pushes."""
        self._stalled_since = None
        self._repaired_count = 0

    def line(self) -> str:
        """Return what to add to the line in `status`; nothing while all is well."""
        text = ""
        if self._stalled_since is not None:
            since = self._stalled_since.strftime("%H:%M:%S UTC")
            text = f"; stalled: {self._repaired_count} repaired since {since}, and no event"
        if self._failure:
            text += f"; cannot be compared with the server: {self._failure[:LONGEST_REASON]}"
        return text

    async def _compare(self) -> float:
        """Compare once; return the seconds until the next time."""
        is_explained, self._is_explained = self._is_explained, False
        try:
            found = await self._fetch()
        except FAILURES as exc:
            self._is_explained |= is_explained
            self._note_failure(str(exc))
            return self._interval if _will_be_said_again(exc) else AGAIN
        self._failure = ""
        if found and not is_explained:
            await trio.sleep(GRACE)
        repaired = self._repair(found)
        if repaired and not (is_explained or self._is_explained):
            self._note_stall(repaired)
        return self._interval

    def _note_failure(self, reason: str) -> None:
        level = logging.DEBUG if self._failure else logging.WARNING
        self._ctx.log.log(level, "reconcile.failed", extra={"reason": reason})
        self._failure = reason

    def _note_stall(self, repaired: list[str]) -> None:
        self._stalled_since = self._stalled_since or datetime.now(UTC)
        self._repaired_count += len(repaired)
        self._ctx.log.warning("reconcile.repaired", extra={"count": len(repaired)})
        self._on_stalled(repaired)


def _will_be_said_again(exc: Exception) -> bool:
    """Tell whether a server would refuse the next question, too; then it is not asked soon."""
    return isinstance(exc, Rejected) and not is_in_trouble(exc.reply["status"])
