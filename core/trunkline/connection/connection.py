"""Keeps one session alive: a loop whose body is one epoch, and whose end is asked for its verdict.

Here live what outlasts a socket: the state, the send queue, the epoch, the gap between two
epochs. This file must never learn of frames or of the WebSocket library.
"""

import hashlib
import logging
import platform
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trunkline.config import ConnectionSettings
from trunkline.connection.close_policy import LinkLost, Loss
from trunkline.connection.credentials import Credentials
from trunkline.connection.protocol import encode, encode_activity, expected_reply
from trunkline.connection.retry import RetryPlan
from trunkline.connection.sending import Outgoing, SendQueue
from trunkline.connection.session import Session, Shared
from trunkline.connection.states import ConnectionState, StateChange, Status, check
from trunkline.connection.statistics import ConnectionStatistics, Tally
from trunkline.errors import NotConnected, NotSent, TransportError
from trunkline.events import Event, Gap
from trunkline.plugin_api import Overflow, Undo, Where
from trunkline.routing.queued import EventStream
from trunkline.routing.router import Router
from trunkline.transport.dialler import Dial, Dialler, default_context
from trunkline.transport.transport import open_transport

if TYPE_CHECKING:
    from trunkline.activity.tracker import Tracker

logger = logging.getLogger(__name__)

LEAST_SPACING = 1.0  # s between the starts of two attempts where the wait was skipped (BO1)
USER_AGENT = f"trunkline/{version('trunkline')} Python/{platform.python_version()}"
LAST_WORDS = frozenset({"activity", "ping"})  # what may still leave while draining
_S = ConnectionState


class Connection:
    """One connection to an event server, kept alive until its scope ends."""

    def __init__(
        self,
        settings: ConnectionSettings,
        router: Router,
        tracker: "Tracker",
        *,
        greets: bool = False,
        visitor_id: str | None = None,
        on_gap: Callable[[Gap], None] | None = None,
        dial: Dial | None = None,
        rng: random.Random | None = None,
        walltime: Callable[[], float] = time.time,
    ) -> None:
        """Prepare a connection; `run` opens it.

        `greets` sends the tracker's session hello first in each epoch. `visitor_id` goes into the
        URL of the upgrade, beside its fingerprint (SV2). `on_gap` hears of each gap after the
        subscribers.
        """
        self.tracker = tracker
        self._settings = settings
        self._router = router
        self._greets = greets
        self._on_gap = on_gap
        self._dial = dial or Dialler(ssl_context_factory=partial(default_context, settings.ca_file))
        self._endpoint = settings.url
        if visitor_id is not None:
            fingerprint = hashlib.sha256(visitor_id.encode()).hexdigest()[:32]
            self._endpoint = self._endpoint.with_query(
                visitor_id=visitor_id, fingerprint=fingerprint
            )
        self._walltime = walltime
        self._queue = SendQueue()
        self._credentials = Credentials(settings.token)
        self._tally = Tally()
        rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._plan = RetryPlan(settings.backoff_max, rng)
        self._shared = Shared(
            router,
            self._queue,
            self._credentials,
            self._tally,
            rng,
            walltime,
            settings.heartbeat_interval,
            self._set_phase,
        )
        self._listeners: dict[object, Callable[[StateChange], None]] = {}
        self._changed = trio.Event()
        self._scope = trio.CancelScope()
        self._skip_wait = trio.Event()
        self._state = _S.DISCONNECTED
        self._phase = "idle"
        self._epoch = self._attempt = 0
        self._attempt_started = 0.0  # on Trio's clock
        self._retry_at: float | None = None
        self._loss: Loss | None = None
        self._session: Session | None = None
        self._whole_until: float | None = None  # wall time up to which nothing is missing
        self._last_heard: float | None = None  # wall time

    # what it is doing

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._state

    @property
    def status(self) -> Status:
        """A snapshot of where the connection stands, and why."""
        user = self._session.user if self._session and self._state is _S.CONNECTED else None
        retry_in = None if self._retry_at is None else self._retry_at - trio.current_time()
        return Status(
            state=self._state,
            phase=self._phase,
            epoch=self._epoch,
            attempt=self._attempt,
            retry_in=retry_in,
            cause=None if self._loss is None else str(self._loss),
            user=user.username if user else None,
        )

    def statistics(self) -> ConnectionStatistics:
        """Return a snapshot of everything that is counted."""
        tally = self._tally
        if self._session is not None:
            self._last_heard = self._session.last_heard
        return ConnectionStatistics(
            connect_count=tally.connect_count,
            disconnects=dict(tally.disconnects),
            received_count=tally.received_count,
            sent_count=tally.sent_count,
            dropped=dict(tally.dropped),
            heartbeat_rtt=tally.heartbeat_rtt,
            last_event_age=None
            if self._last_heard is None
            else self._walltime() - self._last_heard,
            send_queue_count=len(self._queue),
        )

    def on_state_change(self, callback: Callable[[StateChange], None]) -> Undo:
        """Call `callback` at every change of state, in order; return its undo.

        Callbacks are synchronous; one that raises is logged and changes nothing.
        """
        key = object()
        self._listeners[key] = callback

        def undo() -> None:
            self._listeners.pop(key, None)

        return undo

    async def wait_connected(self, timeout: float = 30) -> None:  # noqa: ASYNC109 - promised by the public surface
        """Wait until the connection is connected.

        Raises:
            NotConnected: it is not, after `timeout` seconds, or it has ended.
        """
        with trio.move_on_after(timeout):
            while self._state not in {_S.CONNECTED, _S.DRAINING, _S.FAILED}:
                await self._changed.wait()
        if self._state is not _S.CONNECTED:
            why = f"{self._state.value}, last cause: {self._loss or 'none'}"
            raise NotConnected(
                f"{self._endpoint.display}: not connected after {timeout:g} s ({why})"
            )

    async def wait_ended(self) -> None:
        """Wait until the connection is disconnected for good."""
        while self._state is not _S.DISCONNECTED:
            await self._changed.wait()

    def retry_now(self) -> None:
        """End the wait for the next attempt; where nothing waits, do nothing."""
        self._skip_wait.set()

    # receiving: the router's business

    def subscribe(
        self,
        topic: str,
        callback: Callable[[Event], object],
        where: Where | None = None,
        on_gap: Callable[[Gap], object] | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
    ) -> Undo:
        """Call `callback` for the events of `topic` (`*`: of every topic); return its undo.

        Takes effect at once, with or without a link, and sends nothing. `callback` may be async:
        then its calls follow each other, `buffer` events may wait, and `overflow` says what a
        full buffer does.
        """
        return self._router.subscribe(topic, callback, where, on_gap, buffer, overflow)

    def events(
        self,
        topic: str,
        where: Where | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
    ) -> AbstractAsyncContextManager[EventStream]:
        """Open a stream of the events and gaps of `topic`; it ends with its scope."""
        return self._router.events(topic, where, buffer, overflow)

    def subscription_count(self, topic: str | None = None) -> int:
        """Return how many subscriptions there are, to `topic` or in all."""
        return self._router.subscription_count(topic)

    def topics(self) -> tuple[str, ...]:
        """Return the topics that are subscribed to, sorted."""
        return self._router.topics()

    def clear(self, topic: str | None = None) -> int:
        """End the subscriptions to `topic`, or all; return how many there were."""
        return self._router.clear(topic)

    # sending

    async def send(self, message: Mapping[str, Any] | Event) -> Mapping[str, Any] | None:
        """Send one message, or an activity event in the server's form; return the server's reply.

        Waits for the link; the limit is the caller's `trio.fail_after`. A caller that is
        cancelled withdraws a message that is still queued. None is returned where the server
        sends no reply, once the message is written whole.

        Raises:
            ValueError: the message cannot be sent by anybody.
            Rejected: the server said no.
            NotSent: nothing has left; safe to send again.
            OutcomeUnknown: the link was lost in flight.
        """
        if isinstance(message, Event):
            message = encode_activity(message, anonymous=self._credentials.is_anonymous)
        text = encode(message)
        if message["type"] == "authenticate":
            raise ValueError("a live session is never authenticated again; set `token` instead")
        if self._is_draining and message["type"] not in LAST_WORDS:
            raise NotSent("the connection is being stopped")
        outgoing = Outgoing(text, expected_reply(message))
        self._queue.put(outgoing)
        try:
            return await outgoing.result()
        except trio.Cancelled:
            self._queue.discard(outgoing)
            raise

    async def barrier(self) -> None:
        """Wait until the server has handled (not: stored) everything queued before.

        Raises:
            OutcomeUnknown: the link was lost meanwhile.
        """
        await self.send({"type": "ping"})

    # the loop

    async def run(self) -> None:
        """Stay connected until `stop`, or until cancelled."""
        try:
            with self._scope:
                self._change(_S.CONNECTING, "start")
                while not self._is_draining:
                    loss = await self._run_epoch()
                    if not self._is_draining:
                        await self._wait(loss)
        except Exception:
            self._change(_S.FAILED, "bug")
            raise
        finally:
            self._queue.abandon()
            if self._state is not _S.FAILED:
                self.drain()
            self._set_phase("idle")
            self._change(_S.DISCONNECTED, "stop")

    @property
    def _is_draining(self) -> bool:
        return self._state is _S.DRAINING

    def drain(self) -> None:
        """Take no new messages but the last activity, and try no new epoch."""
        if self._state is not _S.CONNECTED:
            self._queue.abandon()  # no link, and there will be none
        if self._state not in {_S.DRAINING, _S.DISCONNECTED}:
            self._change(_S.DRAINING, "stop")

    def stop(self) -> None:
        """Close the socket and end `run`."""
        self._scope.cancel()

    async def _run_epoch(self) -> Loss:
        """Open a socket and live with it; return why it ended."""
        self._epoch += 1
        self._attempt += 1
        self._retry_at = None
        self._attempt_started = trio.current_time()
        logger.debug("connection.attempt", extra={"epoch": self._epoch, "attempt": self._attempt})
        try:
            self._set_phase("token")
            token = await self._credentials.token()
            async with open_transport(
                self._endpoint,
                dial=self._dial,
                headers=[("User-Agent", USER_AGENT)],
                max_message_bytes=self._settings.max_message_bytes,
                connect_timeout=self._settings.connect_timeout,
                fast_lane=self._settings.fast_lane,
                on_phase=self._set_phase,
            ) as transport:
                self._session = Session(transport, self._epoch, self._shared)
                try:
                    await self._session.establish(token, self._settings.topics)
                    self._on_ready()
                    await self._session.live()
                finally:
                    self._end_session(self._session)
        except LinkLost as exc:
            return exc.loss
        except TransportError as exc:
            return Loss.of(exc)
        raise AssertionError("a live session ends by raising")

    def _on_ready(self) -> None:
        """Announce what may be missing, before the first event of the epoch, then the state."""
        self._plan.ready()
        self._tally.connect_count += 1
        if self._whole_until is not None:
            since = datetime.fromtimestamp(self._whole_until, UTC)
            until = datetime.fromtimestamp(self._walltime(), UTC)
            is_too_large = self._loss is not None and self._loss.cause == "limit"
            gap = Gap("*", "too_large" if is_too_large else "reconnect", since, until, self._epoch)
            self._router.gap(gap)
            if self._on_gap is not None:
                self._on_gap(gap)
        if self._greets and (hello := self.tracker.session_hello()) is not None:
            text = encode(encode_activity(hello, anonymous=self._credentials.is_anonymous))
            self._queue.put_front(Outgoing(text, epoch=self._epoch))
        self._attempt = 0
        self._change(_S.CONNECTED, "ready")

    def _end_session(self, session: Session) -> None:
        self._last_heard = session.last_heard
        session.end()
        if self._state is _S.CONNECTED:
            self._whole_until = session.last_heard
        if session.is_stable:
            self._plan.stable()
        self._session = None

    async def _wait(self, loss: Loss) -> None:
        """Wait for the time of the next attempt, or until told not to."""
        planned = self._plan.after(loss)
        self._retry_at = trio.current_time() + planned.wait
        self._lost(loss, planned.wait, is_blocked=planned.is_blocked)
        self._set_phase("waiting")
        self._skip_wait = trio.Event()
        with trio.move_on_after(planned.wait):
            await self._skip_wait.wait()
        if self._skip_wait.is_set() or planned.wait == 0:
            await trio.sleep_until(self._attempt_started + LEAST_SPACING)

    def _lost(self, loss: Loss, wait: float, *, is_blocked: bool) -> None:
        self._tally.disconnects[loss.cause] += 1
        same = self._loss is not None and self._loss.cause == loss.cause and self._attempt > 1
        self._loss = loss
        logger.log(
            logging.DEBUG if same else logging.WARNING,
            "connection.lost",
            extra={
                "cause": loss.cause,
                "reason": loss.detail,
                "epoch": self._epoch,
                "attempt": self._attempt,
                "retry_in": round(wait, 1),
            },
        )
        if is_blocked and self._state is _S.RECONNECTING:
            logger.error("auth.blocked", extra={"reason": loss.detail, "retry_in": round(wait, 1)})
            self._change(_S.BLOCKED, loss.cause, wait)
        elif self._state not in {_S.RECONNECTING, _S.BLOCKED}:
            self._change(_S.RECONNECTING, loss.cause, wait)

    def _set_phase(self, phase: str) -> None:
        self._phase = phase

    def _change(self, new: ConnectionState, cause: str, retry_in: float | None = None) -> None:
        """Move to `new`: the one place where the state is written."""
        check(self._state, new)
        change = StateChange(self._state, new, cause, self._epoch, self._attempt, retry_in)
        self._state = new
        self._changed.set()
        self._changed = trio.Event()
        logger.info(
            "connection.state",
            extra={"old": change.old.value, "new": new.value, "cause": cause, "epoch": self._epoch},
        )
        for callback in tuple(self._listeners.values()):
            try:
                callback(change)
            except Exception:
                logger.exception("callback.failed", extra={"subscription": "on_state_change"})
        data = attrs.asdict(change, value_serializer=_plain)
        self._router.announce("connection.state", data, key="connection.state", epoch=self._epoch)


def _plain(_: object, __: object, value: object) -> object:
    return value.value if isinstance(value, ConnectionState) else value
