"""From the tracker to the sinks: a bounded queue, a task and one batch in flight for each.

No sink delays another. A batch that fails is halved until the one event that cannot be delivered
is found; after five failures alone that one is given up and counted (activity A26).
"""

import logging
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Literal

import attrs
import trio

from trunkline.activity.sinks import SinkRule
from trunkline.backoff import WORK
from trunkline.errors import NotReady, Reject
from trunkline.events import Event
from trunkline.supervise import reason_of

logger = logging.getLogger(__name__)

QUEUE_EVENTS = 10_000  # for each sink, in memory
WRITE_LIMIT = 30.0  # s for one batch
POISON_AFTER = 5  # failures of one event alone
Kind = Literal["page_view", "action", "conversion"]
#: Who goes first when a queue is full; conversions never do (activity A23).
_LEAST_VALUE = ("page_view", "action")


@attrs.frozen
class SinkStatistics:
    """What became of what one sink was given."""

    name: str
    state: str
    """`idle`, `writing`, `waiting` or `stopped`."""
    waiting_count: int
    delivered_count: int
    dead_count: int
    """Given up for this sink."""
    dropped: dict[str, int]
    """{kind: events that a full queue pushed out}"""
    error: str
    """The last failure; empty after a success."""


class Delivery:
    """One sink's queue, and the task that empties it."""

    def __init__(self, rule: SinkRule, rng: random.Random) -> None:
        self.rule = rule
        self._rng = rng
        self._queue: list[Event] = []
        self._changed = trio.Event()
        self._closing = trio.Event()
        self._has_given_up = False
        self._limit = rule.batch
        self._failures = 0  # in a row, of any kind: the wait grows with them
        self._failures_alone = 0  # of the one event that is written alone
        self._state = "idle"
        self._error = ""
        self._delivered = self._dead = 0
        self._dropped: Counter[str] = Counter()

    def statistics(self) -> SinkStatistics:
        """Return a snapshot."""
        return SinkStatistics(
            self.rule.name,
            self._state,
            len(self._queue),
            self._delivered,
            self._dead,
            dict(self._dropped),
            self._error,
        )

    @property
    def is_empty(self) -> bool:
        """The sink has nothing left to take."""
        return not self._queue

    def put(self, event: Event) -> None:
        """Queue an event; a full queue gives up the least valuable first, and counts it."""
        if len(self._queue) >= QUEUE_EVENTS and not self._make_room():
            self._dropped[event.type] += 1
            return
        self._queue.append(event)
        self._notify()

    def _make_room(self) -> bool:
        in_flight = self._limit if self._state == "writing" else 0
        for kinds in (_LEAST_VALUE[:1], _LEAST_VALUE):
            for place, event in enumerate(self._queue):
                if place >= in_flight and (event.type in kinds or event.origin != "local"):
                    del self._queue[place]
                    self._dropped[event.type] += 1
                    return True
        return False

    def close(self) -> None:
        """Deliver what is there, without lingering or waiting, then end.

        Whoever cannot take it now will not get it: an in-memory queue ends with the process.
        """
        self._closing.set()
        self._notify()

    async def wait_empty(self) -> None:
        """Wait until the sink has taken everything, or has given up while closing."""
        while self._queue and not self._has_given_up:
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def run(self) -> None:
        """Deliver until closed and empty, or cancelled."""
        try:
            async with AsyncExitStack() as stack:
                sink: object = self.rule.sink
                if isinstance(sink, AbstractAsyncContextManager):
                    await stack.enter_async_context(sink)
                while not self._has_given_up and await self._gather():
                    await self._deliver(self._queue[: self._limit])
        finally:
            self._state = "stopped"

    async def _gather(self) -> bool:
        """Wait for a batch worth writing; False when there will be none."""
        while not self._queue:
            if self._closing.is_set():
                return False
            self._state = "idle"
            await self._changed.wait()
        with trio.move_on_after(self.rule.linger):
            while len(self._queue) < self._limit and not self._closing.is_set():
                await self._changed.wait()
        return True

    async def _deliver(self, batch: Sequence[Event]) -> None:
        self._state = "writing"
        try:
            with trio.fail_after(WRITE_LIMIT):
                await self._write(batch)
        except Reject as exc:
            for index, reason in exc.reasons.items():
                self._give_up(batch[index], reason)
            self._succeed(len(batch), rejected=len(exc.reasons))
        except (NotReady, trio.TooSlowError) as exc:
            await self._wait(exc, getattr(exc, "retry_after", None))
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - a sink; counted and logged for its owner
            await self._fail(batch, exc)
        else:
            self._succeed(len(batch))

    async def _write(self, batch: Sequence[Event]) -> None:
        sink: Any = self.rule.sink
        await (sink.write(batch) if hasattr(sink, "write") else sink(batch))

    def _succeed(self, count: int, rejected: int = 0) -> None:
        del self._queue[:count]
        self._delivered += count - rejected
        if self._error:
            logger.info("sink.recovered", extra={"sink": self.rule.name})
        self._failures = self._failures_alone = 0
        self._error = ""
        self._limit = min(self.rule.batch, self._limit * 2)
        self._notify()

    async def _fail(self, batch: Sequence[Event], exc: BaseException) -> None:
        if len(batch) > 1:
            self._limit = max(1, len(batch) // 2)
        else:
            self._failures_alone += 1
        if self._failures_alone >= POISON_AFTER:
            self._give_up(batch[0], reason_of(exc))
            self._succeed(1, rejected=1)
            return
        await self._wait(exc, None)

    def _give_up(self, event: Event, reason: str) -> None:
        self._dead += 1
        logger.error(
            "outbox.dead_letter",
            extra={"sink": self.rule.name, "reason": reason, "type": event.type},
        )

    async def _wait(self, exc: BaseException, hint: float | None) -> None:
        self._state = "waiting"
        if not self._error:
            logger.warning("sink.failed", extra={"sink": self.rule.name, "reason": reason_of(exc)})
        self._error = reason_of(exc)
        if self._closing.is_set():
            self._has_given_up = True
            self._notify()
            return
        delay = WORK.delay(self._failures, hint, self._rng)
        self._failures += 1
        with trio.move_on_after(delay):
            await self._closing.wait()
