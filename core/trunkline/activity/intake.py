"""From the inbox to the outbox: group by group, through the stages, committed or tried again."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import attrs
import trio

from trunkline.activity.changes import Changes
from trunkline.activity.inbox import Call, Forget, Identify, Inbound, Item
from trunkline.activity.keeper import Keeper
from trunkline.activity.losses import Losses
from trunkline.activity.outbox import Outbox, Row, activity_row
from trunkline.activity.record import NAME_LENGTH, text
from trunkline.activity.staged import Dropped
from trunkline.activity.stages import Stages
from trunkline.activity.tracker import Tracker
from trunkline.activity.worker import Worker

logger = logging.getLogger(__name__)

GROUP = 1000  # records in one commit
GROUP_IN_LINE = 100  # so that the loop stands still for a millisecond or two at most
STALLED_AFTER = 5.0  # s for a hook


@attrs.define
class Digest:
    """What a group of items comes to: rows, and what is to be forgotten between them."""

    steps: list[list[Row] | Forget] = attrs.Factory(list)
    known: tuple[str | None, dict[str, object]] | None = None
    """What the hello may say from now on."""


class Intake:
    """Takes what is recorded, for as long as the host runs."""

    def __init__(
        self,
        tracker: Tracker,
        stages: Stages,
        worker: Worker,
        keeper: Keeper,
        losses: Losses,
        changes: Changes,
        *,
        on_known: Callable[[], None],
        group: int = GROUP,
    ) -> None:
        """Take at most `group` items at once; `on_known` hears when the hello has changed."""
        self._tracker = tracker
        self._stages = stages
        self._worker = worker
        self._keeper = keeper
        self._losses = losses
        self._changes = changes
        self._on_known = on_known
        self._group = group
        self._arrived = trio.Event()
        self.handled_count = 0
        """Items that are stored, dropped or done; compare with the inbox's `put_count`."""
        self.recorded_count = 0
        """Activities that were stored."""

    def wake(self) -> None:
        """Say that there is something to take."""
        self._arrived.set()

    async def run(self) -> None:
        """Take, until cancelled; what was taken and not stored still counts in the inbox."""
        inbox = self._tracker.inbox
        self.handled_count = inbox.put_count - inbox.count
        while True:
            self._arrived = trio.Event()
            items = inbox.take(self._group)
            if not items:
                await self._arrived.wait()
                continue
            try:
                await self._store(await self._digested(items))
            except BaseException:
                # for the next host with this tracker; rather twice than never
                inbox.give_back(items)
                raise
            inbox.release(items)
            self.handled_count += len(items)
            self._changes.notify()

    async def _digested(self, items: Sequence[Item]) -> Digest:
        digest = Digest()
        if not self._stages.has_hooks:
            await self._worker.run(self._digest, items, digest)
            return digest
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_hooks)
            await self._worker.run(self._digest, items, digest)
            nursery.cancel_scope.cancel()
        return digest

    def _digest(self, items: Sequence[Item], digest: Digest) -> None:
        """Pass every item through the stages; in the worker."""
        rows: list[Row] = []
        for item in items:
            match item:
                case Call():
                    passed = self._stages.apply(item)
                    if isinstance(passed, Dropped):
                        self._losses.add(passed.where, passed.reason, error=passed.error)
                    else:
                        rows.append(activity_row(passed))
                case Inbound(row):
                    rows.append(row)
                case Identify():
                    digest.known = self._told_of(*self._tracker.identity)
                case Forget():
                    digest.steps += [rows, item]
                    rows = []
        digest.steps.append(rows)

    def _told_of(
        self, subject: str | None, traits: dict[str, object]
    ) -> tuple[str | None, dict[str, object]]:
        """Return what the hello may say of the program's subject: nothing where anything goes wrong."""
        try:
            if self._stages.permits(subject):
                told = None if subject is None else text(subject, NAME_LENGTH)
                return told, self._stages.traits(traits)
        except Exception as exc:  # noqa: BLE001 - a hook, or a key with methods of its own; fail closed
            self._losses.add("stages", "raised", error=exc)
        return None, {}

    async def _store(self, digest: Digest) -> None:
        for step in digest.steps:
            if isinstance(step, Forget):
                await self._keeper.ask(partial(_forget, subject=step.subject))
            elif step:
                await self._append(step)
        if digest.known is not None:
            self._tracker.known = digest.known
            self._on_known()

    async def _append(self, rows: Sequence[Row]) -> None:
        """Store the rows; one that holds what the store cannot take costs itself alone."""
        try:
            gone = await self._keeper.ask(partial(_append, rows=rows))
        except (TypeError, ValueError, OverflowError) as exc:  # about what is in a row
            if len(rows) == 1:
                self._losses.add("outbox", "raised", error=exc)
                return
            for row in rows:
                await self._append([row])
        else:
            self._losses.overflowed(gone)
            self.recorded_count += sum(row.origin == "local" for row in rows)

    async def _watch_hooks(self) -> None:
        """Name a hook that does not return; nothing can end it."""
        while True:
            before = self._stages.applied_count
            await trio.sleep(STALLED_AFTER)
            if self._stages.running and self._stages.applied_count == before:
                about = {"reason": self._stages.running, "seconds": STALLED_AFTER}
                logger.error("activity.hook_stalled", extra=about)
                await trio.sleep_forever()


def _forget(outbox: Outbox, *, subject: str) -> None:
    outbox.forget(subject)


def _append(outbox: Outbox, *, rows: Sequence[Row]) -> Counter[str]:
    return outbox.append(rows)
