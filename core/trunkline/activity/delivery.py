"""From the outbox to one sink: a cursor, a task and one batch in flight; no sink delays another.

A batch that fails is halved until the one event that cannot be delivered is found; after five
failures alone that one is a dead letter (activity A26). What a sink has answered is committed
before it gets more, so a restart goes on there.
"""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import attrs
import trio

from trunkline.activity.changes import Changes
from trunkline.activity.keeper import Keeper
from trunkline.activity.link import Gate
from trunkline.activity.outbox import At, Batch, Outbox, Place
from trunkline.activity.record import TEXT_LENGTH, text
from trunkline.activity.sinks import SinkRule
from trunkline.backoff import WORK
from trunkline.border import let_pass
from trunkline.errors import NotReady, Reject
from trunkline.events import Event
from trunkline.supervise import JobReport, cause_of, reason_of

logger = logging.getLogger(__name__)

OPEN_LIMIT = 30.0  # s for opening a sink that can be opened
WRITE_LIMIT = 30.0  # s for one batch
SETTLE_LIMIT = 1.0  # s, when cancelled, to note what a sink has just taken
POISON_AFTER = 5  # failures of one event alone


@attrs.frozen
class SinkStatistics:
    """What became of what one sink was given."""

    name: str
    state: str
    """`idle`, `writing`, `waiting`, `held`, `stopped`, or `failed`: it has given up itself."""
    waiting_count: int
    """Its lag: events in the outbox that it has not had."""
    delivered_count: int
    dead_count: int
    """Given up for this sink, since the start."""
    dropped: Mapping[str, int]
    """{type: events that a full outbox gave up before it had them}"""
    forgotten_count: int
    """Deleted by `forget`, or withheld for want of consent."""
    carried_count: int
    """Waiting when the host started."""
    letter_count: int
    """Its dead letters that are in the outbox now."""
    error: str
    """The last failure; empty after a success."""


class Delivery:
    """One sink's task."""

    def __init__(
        self,
        rule: SinkRule,
        keeper: Keeper,
        rng: random.Random,
        changes: Changes,
        *,
        permits: Callable[[str | None], bool],
        walltime: Callable[[], float],
        at: At,
        gate: Gate | None = None,
    ) -> None:
        """Deliver by `rule`; `permits` is asked about each subject, and `gate` before each write."""
        self.rule = rule
        self._keeper = keeper
        self._rng = rng
        self._changes = changes
        self._permits = permits
        self._walltime = walltime
        self._at = at
        self._gate = gate
        self._retry = trio.Event()
        self._is_closing = False
        self.has_given_up = False
        """It was closed while the sink could not take what is left."""
        self._is_down = False  # between two tries to open it, or after the last
        self._limit = rule.batch
        self._failures = 0  # in a row, of any kind: the wait grows with them
        self._state = "idle"
        self._error = ""

    @property
    def place(self) -> Place:
        """Where the sink stands in the outbox."""
        return self._keeper.outbox.places[self.rule.name]

    @property
    def is_done(self) -> bool:
        """The sink has nothing left to take, or will not while closing."""
        return not self.place.waiting or self.has_given_up

    def has_had(self, seq: int) -> bool:
        """Tell whether the sink has nothing left to do for what was stored up to `seq`."""
        return not self.place.waiting or self.place.cursor >= seq

    def statistics(self) -> SinkStatistics:
        """Return a snapshot."""
        place = self.place if self._keeper.is_open else Place(self.rule.key)
        return SinkStatistics(
            name=self.rule.name,
            state=self._state,
            waiting_count=place.waiting,
            delivered_count=place.delivered,
            dead_count=place.dead,
            dropped=dict(place.evicted),
            forgotten_count=place.forgotten,
            carried_count=place.carried,
            letter_count=place.letters,
            error=self._error,
        )

    def close(self) -> None:
        """Deliver what is there, without lingering or waiting, then end; what cannot go stays."""
        self._is_closing = True
        self.has_given_up = self._is_down
        self._changes.notify()
        self._retry.set()

    def take_report(self, report: JobReport) -> None:
        """Hear of the task's end: the sink could not be opened, say, and will be tried again."""
        self._is_down = report.state != "done"
        if self._is_down:
            self._state, self._error = report.state, report.reason
            self.has_given_up = self._is_closing
            self._changes.notify()

    def retry_now(self) -> None:
        """End a wait for the next try: something has changed for the better."""
        self._retry.set()

    async def run(self) -> None:
        """Deliver until closed and empty, or cancelled."""
        self._limit = 1 if self.place.failures else self.rule.batch
        self._is_down = False
        try:
            async with AsyncExitStack() as stack:
                sink: object = self.rule.sink
                if isinstance(sink, AbstractAsyncContextManager):
                    with trio.fail_after(OPEN_LIMIT):
                        await stack.enter_async_context(sink)
                while not self.has_given_up and await self._gather():
                    if self._gate is None or await self._is_let_through(self._gate):
                        await self._deliver_next()
        finally:
            self._state = "stopped"

    async def _gather(self) -> bool:
        """Wait for a batch worth writing; False when there will be none."""
        while not self.place.waiting:
            if self._is_closing:
                return False
            self._state = "idle"
            await self._changes.wait()
        with trio.move_on_after(self.rule.linger):
            while self.place.waiting < self._limit and not self._is_closing:
                await self._changes.wait()
        return True

    async def _is_let_through(self, gate: Gate) -> bool:
        """Wait at the gate; a sink that may not write does not try."""
        refusal = await gate.refusal(self.place)
        if refusal is None:
            return True
        self._state, reason = refusal
        if reason and reason != self._error:
            logger.error("sink.held", extra={"sink": self.rule.name, "reason": reason})
        self._error = reason
        await self._pause(None)
        return False

    async def _deliver_next(self) -> None:
        batch, withheld = await self._keeper.ask(self._read)
        given = [event for n, event in enumerate(batch.events) if n not in withheld]
        places = [n for n in range(len(batch.events)) if n not in withheld]
        if not batch.seqs:
            return  # forgotten meanwhile
        if not given:
            await self._settle(batch, {}, withheld)
            return
        self._state = "writing"
        try:
            with trio.fail_after(WRITE_LIMIT):
                self._at("write")
                await self._write(given)
                self._at("written")
        except BaseException as exc:  # noqa: BLE001 - a sink; counted and logged for its owner
            let_pass(exc)
            failure = cause_of(exc)
        else:
            await self._settle(batch, {}, withheld)
            return
        if isinstance(failure, Reject):
            reasons = {places[n]: why for n, why in failure.reasons.items() if 0 <= n < len(places)}
            await self._settle(batch, reasons, withheld)
        elif isinstance(failure, NotReady | trio.TooSlowError):
            await self._wait(failure, getattr(failure, "retry_after", None))
        else:
            await self._fail(batch, withheld, failure)

    def _read(self, outbox: Outbox) -> tuple[Batch, frozenset[int]]:
        """Return the next batch, and which places in it lack consent; in the worker."""
        batch = outbox.read(self.rule.name, self._limit)
        subjects = [
            event.get("subject") if event.origin == "local" else None for event in batch.events
        ]
        return batch, frozenset(n for n, each in enumerate(subjects) if not self._permits(each))

    async def _write(self, events: Sequence[Event]) -> None:
        sink: Any = self.rule.sink
        await (sink.write(events) if hasattr(sink, "write") else sink(events))

    async def _settle(
        self, batch: Batch, reasons: Mapping[int, str], withheld: frozenset[int]
    ) -> None:
        """Commit what the sink has answered; a cancel leaves a moment for it."""
        name, now = self.rule.name, self._walltime()
        # the sink's own words: what the store could not take would fail for ever
        reasons = {index: text(str(why), TEXT_LENGTH) for index, why in reasons.items()}

        def settle(outbox: Outbox) -> int:
            return outbox.settle(name, batch, now, dead_letters=reasons, withheld=withheld)

        try:
            gone = await self._keeper.ask(settle)
        except trio.Cancelled:
            with trio.move_on_after(SETTLE_LIMIT, shield=True):
                await self._keeper.ask(settle)  # else the next start repeats the batch
            raise
        for index, reason in reasons.items():
            about = {"sink": name, "reason": reason, "type": batch.events[index].type}
            logger.error("outbox.dead_letter", extra=about)
        if gone:
            logger.warning("outbox.letters_full", extra={"sink": name, "dropped": gone})
        if self._error:
            logger.info("sink.recovered", extra={"sink": name})
        self._failures = 0
        self._error = ""
        self._limit = min(self.rule.batch, self._limit * 2)
        self._changes.notify()

    async def _fail(self, batch: Batch, withheld: frozenset[int], exc: BaseException) -> None:
        if len(batch.seqs) > 1:
            self._limit = max(1, len(batch.seqs) // 2)
        else:
            [seq] = batch.seqs
            count = await self._keeper.ask(lambda outbox: outbox.failed_alone(self.rule.name, seq))
            if count >= POISON_AFTER:
                await self._settle(batch, {0: reason_of(exc)}, withheld)
                return
        await self._wait(exc, None)

    async def _wait(self, exc: BaseException, hint: float | None) -> None:
        self._state = "waiting"
        if not self._error:
            logger.warning("sink.failed", extra={"sink": self.rule.name, "reason": reason_of(exc)})
        self._error = reason_of(exc)
        delay = WORK.delay(self._failures, hint, self._rng)
        self._failures += 1
        await self._pause(delay)

    async def _pause(self, delay: float | None) -> None:
        """Wait `delay` seconds, or without end, until told to try again; give up when closing."""
        self._retry = trio.Event()
        if not self._is_closing:
            with trio.move_on_after(float("inf") if delay is None else delay):
                await self._retry.wait()
        if self._is_closing:
            self.has_given_up = True
            self._changes.notify()
