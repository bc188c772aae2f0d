"""Where a connection stands: its state, what it is doing, and who is told when that changes.

The one place where the state is written; what the table does not list is refused (ST1).
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import trio

from trunkline.connection.listeners import Listeners
from trunkline.connection.states import ConnectionState, StateChange, Status, check
from trunkline.plugin_api import Undo
from trunkline.routing.router import Router

if TYPE_CHECKING:
    from trunkline.connection.close_policy import Loss

logger = logging.getLogger(__name__)


class Standing:
    """State, phase, epoch and attempt of one connection."""

    def __init__(self, router: Router) -> None:
        """Begin disconnected; changes are announced on `system` through `router`."""
        self._router = router
        self._listeners: Listeners[Callable[[StateChange], None]] = Listeners()
        self._changed = trio.Event()
        self._down_since: float | None = None  # on Trio's clock
        self._has_ended = False
        self.state = ConnectionState.DISCONNECTED
        self.phase = "idle"
        self.epoch = 0
        self.attempt = 0
        self.retry_at: float | None = None  # on Trio's clock
        self.loss: Loss | None = None

    @property
    def is_ending(self) -> bool:
        """It will not be connected any more."""
        states = {ConnectionState.DRAINING, ConnectionState.FAILED}
        return self._has_ended or self.state in states

    def enter_phase(self, phase: str) -> None:
        """Note what is being done right now."""
        self.phase = phase

    def snapshot(self, user: str | None) -> Status:
        """Return the standing as others see it."""
        left = None if self.retry_at is None else self.retry_at - trio.current_time()
        return Status(
            state=self.state,
            phase=self.phase,
            epoch=self.epoch,
            attempt=self.attempt,
            retry_in=None if left is None else max(0.0, left),
            cause=None if self.loss is None else str(self.loss),
            user=user if self.state is ConnectionState.CONNECTED else None,
        )

    def on_change(self, callback: Callable[[StateChange], None]) -> Undo:
        """Call `callback` at every change, in order; return its undo."""
        return self._listeners.add(callback)

    async def wait_connected(self) -> None:
        """Wait until it is connected, or will not be any more."""
        while self.state is not ConnectionState.CONNECTED and not self.is_ending:
            await self._changed.wait()

    async def wait_disconnected(self) -> None:
        """Wait until it is disconnected."""
        while self.state is not ConnectionState.DISCONNECTED:
            await self._changed.wait()

    def change(self, new: ConnectionState, cause: str, retry_in: float | None = None) -> None:
        """Move to `new`, tell the listeners and the topic `system`.

        Raises:
            StateError: `new` may not follow the present state.
        """
        check(self.state, new)
        change = StateChange(self.state, new, cause, self.epoch, self.attempt, retry_in)
        self.state = new
        self._has_ended = new is ConnectionState.DISCONNECTED
        self._changed.set()
        self._changed = trio.Event()
        about = {"old": change.old.value, "new": new.value, "cause": cause, "epoch": self.epoch}
        logger.info("connection.state", extra={**about, "outage": self._outage(new)})
        for callback in self._listeners.current:
            try:
                callback(change)
            except Exception:
                logger.exception("callback.failed", extra={"subscription": "on_state_change"})
        data = attrs.asdict(change, value_serializer=_plain)
        self._router.announce("connection.state", data, key="connection.state", epoch=self.epoch)

    def _outage(self, new: ConnectionState) -> float | None:
        """Return the seconds without a link, where `new` ends them."""
        now = trio.current_time()
        if new is ConnectionState.RECONNECTING and self._down_since is None:
            self._down_since = now
        if new is not ConnectionState.CONNECTED or self._down_since is None:
            return None
        outage, self._down_since = now - self._down_since, None
        return round(outage, 1)


def _plain(_: object, __: object, value: object) -> object:
    return value.value if isinstance(value, ConnectionState) else value
