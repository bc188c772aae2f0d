"""The connection as its user sees it: what it is doing, receiving, sending.

The loop behind it keeps a session alive; the router delivers; this joins them.
"""

import random
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from trunkline.activity.visitor import introduced
from trunkline.config import ConnectionSettings
from trunkline.connection.credentials import Credentials
from trunkline.connection.drops import Drops
from trunkline.connection.loop import USER_AGENT, Loop
from trunkline.connection.protocol import REPLIES, encode, encode_activity
from trunkline.connection.requesting import Requesting
from trunkline.connection.sending import Outgoing, SendQueue
from trunkline.connection.shared import OnFrames, Shared
from trunkline.connection.standing import Standing
from trunkline.connection.states import ConnectionState, StateChange, Status
from trunkline.connection.statistics import ConnectionStatistics, Tally
from trunkline.errors import NotConnected, NotSent
from trunkline.events import Event, Gap
from trunkline.plugin_api import Overflow, Response, Undo, Where
from trunkline.routing.queued import EventStream
from trunkline.routing.router import Router
from trunkline.transport.dialler import Dial, Dialler, default_context

if TYPE_CHECKING:
    import httpx

    from trunkline.activity.tracker import Tracker

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
        shares: Collection[str] = (),
        visitor_id: str | None = None,
        on_gap: Callable[[Gap], None] = lambda _: None,
        dial: Dial | None = None,
        http_transport: "httpx.AsyncBaseTransport | None" = None,
        rng: random.Random | None = None,
        walltime: Callable[[], float] = time.time,
    ) -> None:
        """Prepare a connection; `run` opens it.

        `greets` sends the tracker's session hello first in each epoch; `shares` is what activity may
        tell beyond the least (`SinkRule.shares`). `visitor_id` goes into the
        URL of the upgrade, beside its fingerprint (SV2). `on_gap` hears of each gap after the
        subscribers.
        """
        self.tracker = tracker
        self._router = router
        router.reserve(REPLIES)  # they are taken by type before classification (SV3)
        self._greets = greets
        self._shares = frozenset(shares)
        self._walltime = walltime
        self._queue = SendQueue()
        self._credentials = Credentials(settings.token)
        self._tally = Tally()
        self._drops = Drops()
        self._standing = Standing(router)
        self._endpoint = introduced(settings.url, visitor_id)
        shared = Shared(
            router,
            self._queue,
            self._credentials,
            self._tally,
            self._drops,
            rng or random.Random(),  # noqa: S311 - jitter, not a secret
            walltime,
            settings.heartbeat_interval,
            self._standing.enter_phase,
        )
        self._listeners = shared.listeners
        dial = dial or Dialler(ssl_context_factory=partial(default_context, settings.ca_file))
        self._requesting = Requesting(
            settings.url, dial, self._credentials, USER_AGENT, http_transport
        )
        self._loop = Loop(
            settings,
            self._endpoint,
            dial,
            shared,
            self._standing,
            greet=self.greet,
            on_gap=on_gap,
        )

    # what it is doing

    @property
    def state(self) -> ConnectionState:
        """Where the connection stands."""
        return self._standing.state

    @property
    def status(self) -> Status:
        """A snapshot of where the connection stands, and why."""
        session = self._loop.session
        user = None if session is None else session.user
        return self._standing.snapshot(None if user is None else user.username)

    @property
    def account(self) -> str | None:
        """Whom the server takes us for: the user's id, empty while anonymous; None without a link."""
        session = self._loop.session
        if session is None or session.lived is None:
            return None
        return "" if session.user is None else session.user.id

    def statistics(self) -> ConnectionStatistics:
        """Return a snapshot of everything that is counted."""
        tally, session, last_event = self._tally, self._loop.session, self._tally.last_event
        routed = self._router.statistics()
        inbox_used = 0.0 if session is None else session.inbox_used
        return ConnectionStatistics(
            connect_count=tally.connect_count,
            disconnects=dict(tally.disconnects),
            received_count=tally.received_count,
            sent_count=tally.sent_count,
            dropped=dict(self._drops.counts),
            heartbeat_rtt=None if session is None else session.heartbeat_rtt,
            last_event_age=None if last_event is None else max(0.0, self._walltime() - last_event),
            send_queue_count=len(self._queue),
            gaps=routed.gaps_by_cause,
            mailbox_used=max(self._queue.fill, inbox_used, routed.mailbox_used),
        )

    def on_state_change(self, callback: Callable[[StateChange], None]) -> Undo:
        """Call `callback` at every change of state, in order; return its undo.

        Callbacks are synchronous; one that raises is logged and changes nothing.
        """
        return self._standing.on_change(callback)

    async def wait_connected(self, timeout: float = 30) -> None:  # noqa: ASYNC109 - promised by the public surface
        """Wait until the connection is connected.

        Raises:
            NotConnected: it is not, after `timeout` seconds, or it has ended.
        """
        with trio.move_on_after(timeout):
            await self._standing.wait_connected()
        if self.state is not _S.CONNECTED:
            why = f"{self.state.value}, last cause: {self._standing.loss or 'none'}"
            when = "any more" if self._standing.is_ending else f"after {timeout:g} s"
            raise NotConnected(f"{self._endpoint.display}: not connected {when} ({why})")

    async def wait_ended(self) -> None:
        """Wait until the connection is disconnected for good."""
        await self._standing.wait_disconnected()

    def retry_now(self) -> None:
        """End the wait for the next attempt; where nothing waits, do nothing."""
        self._loop.retry_now()

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

    def on_frames(self, callback: OnFrames) -> Undo:
        """Call `callback(payloads, epoch, wall_time)` with what arrives, before it is read.

        For recorders: every text frame, the server's replies too, in batches as they come.
        `callback` is synchronous, must not raise and must not be slow. Returns the undo.
        """
        return self._listeners.add(callback)

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
            message = self._encoded(message)
        text = encode(message)
        if message["type"] == "authenticate":
            raise ValueError("a live session is never authenticated again; set `token` instead")
        if self.state is _S.DRAINING and message["type"] not in LAST_WORDS:
            raise NotSent("the connection is being stopped")
        return await self._queue.send(Outgoing.of(message, text))

    async def barrier(self) -> None:
        """Wait until the server has handled (not: stored) everything queued before.

        Raises:
            OutcomeUnknown: the link was lost meanwhile.
        """
        await self.send({"type": "ping"})

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Response:
        """Ask the server's HTTP interface, on the host of the URL, with the same credentials.

        Answers of every status are returned, an error's too; 10 s, 4 MiB, no redirects, and no
        second try but one with a fresh token after a 401. Needs no link.

        Raises:
            ValueError: nobody can make this request: `path` is none, or `json` cannot be encoded.
            NotSent: nothing has left; safe to send again.
            OutcomeUnknown: it may have been handled, but there is no usable answer.
        """
        return await self._requesting.request(method, path, params, json)

    def greet(self) -> None:
        """Let the tracker's hello go before everything that is queued, in this epoch only."""
        session = self._loop.session
        if session is None or session.lived is None or not self._greets:
            return  # the next epoch begins with one
        if (hello := self.tracker.session_hello()) is not None:
            text = encode(self._encoded(hello))
            self._queue.put_front(Outgoing(text, epoch=self._standing.epoch))

    def _encoded(self, activity: Event) -> dict[str, Any]:
        is_anonymous = self._credentials.is_anonymous
        return encode_activity(activity, anonymous=is_anonymous, shares=self._shares)

    # its life

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Stay connected until `stop`, or until cancelled."""
        await self._loop.run(task_status)

    def drain(self) -> None:
        """Take no new messages but the last activity, and try no new epoch."""
        self._loop.drain()

    def stop(self) -> None:
        """Close the socket and end `run`."""
        self._loop.stop()
