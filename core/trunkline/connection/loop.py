"""Keeps one session alive: a loop whose body is one epoch, and whose end is asked for its verdict.

Here live what outlasts a socket: the epoch, the retry plan, the gap between two epochs. This file
must never learn of frames or of the WebSocket library.
"""

import logging
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version

import trio

from trunkline.config import EVERY_TOPIC, ConnectionSettings, Endpoint
from trunkline.connection.close_policy import LinkLost, Loss, Verdict, verdict
from trunkline.connection.flapping import EPOCHS, Flapping
from trunkline.connection.retry import RetryPlan
from trunkline.connection.session import Session
from trunkline.connection.shared import Shared
from trunkline.connection.standing import Standing
from trunkline.connection.states import ConnectionState
from trunkline.errors import TransportError
from trunkline.events import Gap
from trunkline.transport.dialler import Dial
from trunkline.transport.transport import open_transport

logger = logging.getLogger(__name__)

LEAST_SPACING = 1.0  # s between the starts of two attempts where the wait was skipped (BO1)
USER_AGENT = f"trunkline/{version('trunkline')} Python/{platform.python_version()}"
_S = ConnectionState


class Loop:
    """Epoch after epoch, until stopped."""

    def __init__(
        self,
        settings: ConnectionSettings,
        endpoint: Endpoint,
        dial: Dial,
        shared: Shared,
        standing: Standing,
        *,
        greet: Callable[[], None],
        on_gap: Callable[[Gap], None],
    ) -> None:
        """Prepare to connect to `endpoint`.

        In each epoch, once READY, `greet` queues the first message, and `on_gap` hears of the gap
        before it, after the subscribers.
        """
        self._settings = settings
        self._endpoint = endpoint
        self._dial = dial
        self._shared = shared
        self._standing = standing
        self._greet = greet
        self._on_gap = on_gap
        self._plan = RetryPlan(settings.backoff_max, shared.rng)
        self._flapping = Flapping()
        self._scope = trio.CancelScope()
        self._skip_wait = trio.Event()
        self._attempt_started = 0.0  # on Trio's clock
        self._whole_until: float | None = None  # wall time up to which nothing is missing
        self._told: tuple[object, ...] | None = None  # the cause that was told last
        self.session: Session | None = None

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        """Stay connected until `stop`, or until cancelled; started means: connecting."""
        try:
            with self._scope:
                self._standing.change(_S.CONNECTING, "start")
                task_status.started()
                while not self._is_draining:
                    loss = await self._run_epoch()
                    if not self._is_draining:
                        await self._wait(loss)
        except Exception:
            self._standing.change(_S.FAILED, "bug")
            raise
        finally:
            self._shared.queue.abandon()
            if self._standing.state is not _S.FAILED:
                self.drain()
            self._standing.enter_phase("idle")
            self._standing.change(_S.DISCONNECTED, "stop")

    @property
    def _is_draining(self) -> bool:
        return self._standing.state is _S.DRAINING

    def drain(self) -> None:
        """Try no new epoch; without a link, nothing that is queued will leave either."""
        if self._standing.state is not _S.CONNECTED:
            self._shared.queue.abandon()
        if self._standing.state not in {_S.DRAINING, _S.DISCONNECTED}:
            self._standing.change(_S.DRAINING, "stop")

    def stop(self) -> None:
        """Close the socket and end `run`."""
        self._scope.cancel()

    def retry_now(self) -> None:
        """End the wait for the next attempt; where nothing waits, do nothing."""
        self._skip_wait.set()

    async def _run_epoch(self) -> Loss:
        """Open a socket and live with it; return why it ended."""
        standing = self._standing
        standing.epoch += 1
        standing.attempt += 1
        standing.retry_at = None
        self._attempt_started = trio.current_time()
        about = {"epoch": standing.epoch, "attempt": standing.attempt}
        logger.debug("connection.attempt", extra=about)
        try:
            standing.enter_phase("token")
            token = await self._shared.credentials.token()
            async with open_transport(
                self._endpoint,
                dial=self._dial,
                headers=[("User-Agent", USER_AGENT)],
                max_message_bytes=self._settings.max_message_bytes,
                connect_timeout=self._settings.connect_timeout,
                fast_lane=self._settings.fast_lane,
                on_phase=standing.enter_phase,
                on_drop=self._shared.drops.drop,
            ) as transport:
                self.session = Session(transport, standing.epoch, self._shared)
                try:
                    await self.session.establish(token, self._settings.topics)
                    if self._is_draining:  # stopped meanwhile: nobody wants this link any more
                        return Loss("closed", code=1000)
                    self._ready()
                    await self.session.live()
                finally:
                    self._end_session(self.session)
        except LinkLost as exc:
            return exc.loss
        except TransportError as exc:
            return Loss.of(exc)
        raise AssertionError("a live session ends by raising")

    def _ready(self) -> None:
        """Announce what may be missing, before the first event of the epoch, then the state."""
        self._plan.ready()
        self._shared.tally.connect_count += 1
        if self._whole_until is not None:
            gap = self._gap(self._whole_until)
            self._shared.router.gap(gap)
            self._on_gap(gap)
        self._greet()
        self._standing.attempt = 0
        self._standing.change(_S.CONNECTED, "ready")

    def _gap(self, whole_until: float) -> Gap:
        since = datetime.fromtimestamp(whole_until, UTC)
        until = datetime.fromtimestamp(self._shared.walltime(), UTC)
        loss = self._standing.loss
        is_too_large = loss is not None and loss.cause == "limit"
        return Gap(
            EVERY_TOPIC,
            "too_large" if is_too_large else "reconnect",
            since,
            until,
            self._standing.epoch,
        )

    def _end_session(self, session: Session) -> None:
        self._standing.enter_phase("closing")
        session.end()
        if self._standing.state is _S.CONNECTED:
            self._whole_until = session.last_heard
        if session.is_stable:
            self._plan.stable()
            self._told = None
        if session.lived is not None and self._flapping.ended(trio.current_time(), session.lived):
            logger.warning(
                "connection.flapping", extra={"count": EPOCHS, "epoch": self._standing.epoch}
            )
        self.session = None

    async def _wait(self, loss: Loss) -> None:
        """Wait for the time of the next attempt, or until told not to."""
        planned = self._plan.after(loss)
        now, soonest = trio.current_time(), self._attempt_started + LEAST_SPACING
        start_at = now + planned.wait if planned.wait else max(now, soonest)
        self._standing.retry_at = start_at
        self._skip_wait = trio.Event()  # before anybody hears of it: who does may skip the wait
        self._lost(loss, start_at - now, is_blocked=planned.is_blocked)
        self._standing.enter_phase("waiting")
        with trio.move_on_at(start_at):
            await self._skip_wait.wait()
        if self._skip_wait.is_set():
            self._standing.retry_at = soonest
            await trio.sleep_until(soonest)

    def _lost(self, loss: Loss, wait: float, *, is_blocked: bool) -> None:
        """Tell of a loss: the first of its cause loudly, repeats quietly.

        What a person has to mend is an error, and told once, however often it lets us in between.
        """
        standing = self._standing
        self._shared.tally.disconnects[loss.cause] += 1
        standing.loss = loss
        is_slow = verdict(loss) is Verdict.SLOW
        cause = (loss.cause, loss.code, loss.status)
        is_repeat = cause == self._told and (is_slow or standing.attempt > 1)
        self._told = cause
        loud = logging.ERROR if is_slow else logging.WARNING
        logger.log(
            logging.DEBUG if is_repeat else loud,
            "connection.lost",
            extra={
                "cause": loss.cause,
                "reason": loss.detail,
                "epoch": standing.epoch,
                "attempt": standing.attempt,
                "retry_in": round(wait, 1),
            },
        )
        if loss.cause in {"refusal", "identity"} and not is_repeat:
            logger.warning("auth.refused", extra={"reason": loss.detail, "epoch": standing.epoch})
        if is_blocked and standing.state is _S.RECONNECTING:
            logger.error("auth.blocked", extra={"reason": loss.detail, "retry_in": round(wait, 1)})
            standing.change(_S.BLOCKED, loss.cause, wait)
        elif standing.state not in {_S.RECONNECTING, _S.BLOCKED}:
            standing.change(_S.RECONNECTING, loss.cause, wait)
