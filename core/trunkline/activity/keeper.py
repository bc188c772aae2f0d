"""The store of a running host: opened, kept going, closed; everybody's one way to it.

Whatever cannot be done just now is tried again until it is done (activity A24); a file that turns
out to be damaged is set aside and what is good in it goes on. Nobody above sees either but as a
wait, and as `degraded`.
"""

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio

from trunkline.activity.outbox import (
    IN_FILE,
    IN_MEMORY,
    At,
    Bounds,
    Connect,
    FileLock,
    Outbox,
    OutboxDamaged,
    OutboxUnavailable,
    Register,
    connected,
    nowhere,
    open_file,
    open_memory,
    trouble,
)
from trunkline.activity.worker import Worker
from trunkline.backoff import Backoff

logger = logging.getLogger(__name__)
T = TypeVar("T")

RETRY = Backoff(first=0.25, cap=5.0)  # s; space may come back at any moment
LOOK_INTERVAL = 0.5  # s between two looks at what a command may have changed in the file
CLOSE_LIMIT = 1.0  # s; a disk that does not answer is not waited for


class Keeper:
    """Owns the outbox; `path` None keeps it in memory."""

    def __init__(
        self,
        path: Path | None,
        worker: Worker,
        make_register: Callable[[], Register],
        rng: random.Random,
        *,
        connect: Connect = connected,
        bounds: Bounds | None = None,
        at: At = nowhere,
    ) -> None:
        self.path = path
        self._worker = worker
        self._make_register = make_register
        self._rng = rng
        self._connect = connect
        self._bounds = bounds or (IN_MEMORY if path is None else IN_FILE)
        self._at = at
        self._lock = None if path is None else FileLock(path.with_name(path.name + ".lock"))
        self._outbox: Outbox | None = None
        self.degraded: str | None = None
        """Why nothing can be stored just now."""

    @property
    def outbox(self) -> Outbox:
        """The open store, for its tallies; to use it is for `ask`."""
        if self._outbox is None:
            raise RuntimeError("the outbox is not open")  # a bug of ours
        return self._outbox

    @property
    def is_open(self) -> bool:
        """It was opened, and not closed since."""
        return self._outbox is not None

    async def open(self) -> None:
        """Open the store, or make it.

        Raises:
            OutboxLocked: another host has the file.
            ConfigError: the file is not ours to use.
            OutboxUnavailable: it cannot be opened.
        """
        try:
            self._outbox = await self._worker.run(self._open)
        except BaseException:
            if self._lock is not None:
                self._lock.release()
            raise

    def _open(self) -> Outbox:
        if self.path is not None and self._lock is not None:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock.acquire()
            except OSError as exc:
                raise trouble(self.path, exc) from exc
        return self._make()

    def _make(self, *, damage: str | None = None) -> Outbox:
        if self.path is None:
            opened = open_memory(self._connect)
        else:
            opened = open_file(self.path, self._connect, damage=damage)
        try:
            return Outbox(opened, self._bounds, self._make_register(), at=self._at)
        except BaseException:
            opened.db.close()
            raise

    async def ask(self, function: Callable[[Outbox], T]) -> T:
        """Run `function` of the store beside the loop, again and again until it can be done."""
        attempt = 0
        while True:
            outbox = self.outbox
            try:
                result = await self._worker.run(function, outbox)
            except OutboxDamaged as exc:
                self._degrade(str(exc), attempt)
                await self._reopen(outbox, str(exc))
                attempt += 1
            except OutboxUnavailable as exc:
                self._degrade(str(exc), attempt)
                await trio.sleep(RETRY.delay(attempt, None, self._rng))
                attempt += 1
            else:
                if attempt:
                    self._heal()
                return result

    def _degrade(self, reason: str, attempt: int) -> None:
        level = logging.DEBUG if self.degraded else logging.ERROR
        logger.log(level, "outbox.degraded", extra={"reason": reason, "attempt": attempt + 1})
        self.degraded = reason

    def _heal(self) -> None:
        if self.degraded is not None:
            logger.info("outbox.healed", extra={"reason": self.degraded})
            self.degraded = None

    async def _reopen(self, damaged: Outbox, reason: str) -> None:
        """Set a damaged file aside while the host runs; whoever asks second finds it done."""
        attempt = 0
        while self._outbox is damaged:
            try:
                self._outbox = await self._worker.run(self._instead_of, damaged, reason)
            except (OutboxUnavailable, OutboxDamaged) as exc:
                self._degrade(str(exc), attempt)
                await trio.sleep(RETRY.delay(attempt, None, self._rng))
                attempt += 1

    def _instead_of(self, damaged: Outbox, reason: str) -> Outbox:
        if self._outbox is not damaged:
            return self.outbox
        damaged.close()
        again = self._make(damage=reason)
        again.take_over(damaged)
        return again

    async def look(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` whenever a command has changed the file, until cancelled."""
        while self.path is not None:
            await trio.sleep(LOOK_INTERVAL)
            await self.look_now(on_change)

    async def look_now(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` if a command has changed the file since the last look."""
        if await self.ask(lambda outbox: outbox.refresh()):
            on_change()

    async def close(self) -> None:
        """Close the store; shielded, for a second at most."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_LIMIT):
            if self._outbox is not None:
                await self._worker.run(self._outbox.close)
                self._outbox = None
            if self._lock is not None:
                self._lock.release()
