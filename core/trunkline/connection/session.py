"""One socket's life: greeting, authentication, topics; then pump, writer and heartbeat.

Per-epoch state lives and dies here. This file must never learn of other epochs or of waits
between them. Before READY only `authenticate`, `subscribe` and pongs are sent, by `establish`;
from READY on exactly one task sends: the writer.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import trio

from trunkline.connection.close_policy import Cause, LinkLost, Loss
from trunkline.connection.heartbeat import Heartbeat
from trunkline.connection.protocol import (
    Authenticate,
    Authenticated,
    AuthError,
    Handshake,
    Ping,
    Pong,
    ReplyQueue,
    Subscribe,
    SubscriptionAck,
    SubscriptionError,
    User,
    decode,
    encode,
    is_reply,
    parse_reply,
    read_json,
    refusal,
    unstructure,
)
from trunkline.connection.sending import Outgoing
from trunkline.connection.shared import Shared
from trunkline.errors import InvalidData, Rejected, TransportError
from trunkline.text import peer_text
from trunkline.transport.transport import Transport

logger = logging.getLogger(__name__)
R = TypeVar("R")

HELLO_LIMIT = 5.0  # s; the server speaks first, normally within a few ms (protocol §3)
AUTHENTICATE_LIMIT = 5.0  # s
TOPICS_LIMIT = 10.0  # s; for each answer
SEND_LIMIT = 10.0  # s for one frame; a half-written one poisons the socket
STABLE_AFTER = 30.0  # s; opening alone proves nothing

PONG = encode(unstructure(Pong()))


class Session:
    """One epoch, from the first byte after the upgrade to the loss."""

    def __init__(self, transport: Transport, epoch: int, shared: Shared) -> None:
        self._transport = transport
        self._epoch = epoch
        self._shared = shared
        self._unread: deque[bytes] = deque()
        self._replies: ReplyQueue[Outgoing] = ReplyQueue()
        self._writing: Outgoing | None = None
        self._pong: Outgoing | None = None
        self._ready_at: float | None = None
        self._aside_count = 0  # messages that were no events
        self._heartbeat = Heartbeat(
            transport, epoch, shared.heartbeat_interval, shared.rng, shared.queue.put_front
        )
        self.user: User | None = None
        self.last_heard = shared.walltime()

    @property
    def heartbeat_rtt(self) -> float | None:
        """Seconds from the last heartbeat to its answer; None before the first."""
        return self._heartbeat.rtt

    @property
    def inbox_used(self) -> float:
        """How full the inbox is; 1 is full, and nothing is read from the socket."""
        return self._transport.inbox_used

    @property
    def is_stable(self) -> bool:
        """It was READY for a while and a heartbeat was answered."""
        lived = self.lived
        return lived is not None and lived >= STABLE_AFTER and self._heartbeat.rtt is not None

    @property
    def lived(self) -> float | None:
        """Seconds since READY; None before."""
        return None if self._ready_at is None else trio.current_time() - self._ready_at

    # establishing: one task reads and writes

    async def establish(self, token: str | None, topics: Sequence[str]) -> None:
        """Get to READY: greeted, authenticated, topics answered.

        Raises:
            LinkLost: no answer in time, or a refusal.
            TransportError: the socket ended.
        """
        self._shared.on_phase("hello")
        await self._answer("hello", HELLO_LIMIT, Handshake)
        if token is not None:
            self._shared.on_phase("auth")
            await self._authenticate(token)
        self._shared.on_phase("topics")
        for topic in topics:
            await self._send_now(unstructure(Subscribe(topic=topic)))
        for topic in topics:
            answer: SubscriptionAck | SubscriptionError = await self._answer(
                "topics", TOPICS_LIMIT, SubscriptionAck, SubscriptionError
            )
            if isinstance(answer, SubscriptionError):
                self._topic_refused(topic, peer_text(answer.error))
            elif answer.topic != topic:
                self._topic_refused(topic, "another topic was answered")
        self._ready_at = trio.current_time()

    async def _authenticate(self, token: str) -> None:
        await self._send_now(unstructure(Authenticate(token=token)))
        answer: Authenticated | AuthError = await self._answer(
            "authenticate", AUTHENTICATE_LIMIT, Authenticated, AuthError
        )
        if isinstance(answer, AuthError):
            raise self._shared.credentials.refused(peer_text(answer.error))
        self._shared.credentials.accepted(answer.user)
        self.user = answer.user

    def _topic_refused(self, topic: str, reason: str) -> None:
        about = {"topic": topic, "reason": reason}
        logger.error("topic.refused", extra=about)
        self._shared.router.announce("topic.refused", about, epoch=self._epoch)

    async def _answer(self, cause: Cause, limit: float, *kinds: type[R]) -> R:
        """Read until a reply of one of `kinds` comes; the server's pings are answered meanwhile."""
        with trio.move_on_after(limit):
            while True:
                reply = await self._next_reply()
                if isinstance(reply, kinds):
                    return reply
                if isinstance(reply, Ping):
                    await self._send_now(unstructure(Pong()))
        raise LinkLost(Loss(cause, f"no answer within {limit:g} s"))

    async def _next_reply(self) -> object | None:
        """Return the next message as a reply; None for one that is none: it is inside the gap."""
        while not self._unread:
            self._unread.extend(await self._receive())
        message = self._decode(self._unread.popleft())
        if message is None:
            return None
        if is_reply(message):
            return self._parse(message)
        self._shared.drops.drop("before_ready")
        return None

    async def _send_now(self, message: Mapping[str, Any]) -> None:
        await self._write_frame(encode(message))

    # live: pump, writer and heartbeat

    async def live(self) -> None:
        """Carry messages both ways until the link is lost; never returns.

        Raises:
            LinkLost: we gave the link up.
            TransportError: the socket ended.
        """
        self._shared.on_phase("live")
        causes: list[BaseException] = []
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                nursery.start_soon(self._heartbeat.run)
                await self._pump()
        except* (LinkLost, TransportError) as group:
            causes.extend(group.exceptions)
        raise causes[0]

    def end(self) -> None:
        """Settle what was in flight: nobody will answer it any more."""
        for outgoing in self._replies.clear():
            outgoing.lose()
        if self._writing is not None:
            self._writing.lose()

    async def _receive(self) -> list[bytes]:
        batch = await self._transport.receive()
        self.last_heard = self._shared.walltime()
        self._shared.tally.received_count += len(batch)
        for listener in self._shared.listeners.current:
            listener(batch, self._epoch, self.last_heard)
        return batch

    async def _pump(self) -> None:
        """Read and route; awaits nothing but the transport, so pings are always answered."""
        route, aside, epoch = self._shared.router.route_batch, self._aside, self._epoch
        tally = self._shared.tally
        batch: Sequence[bytes] = tuple(self._unread)  # came in one read with the last answer
        self._unread.clear()
        while True:
            before = self._aside_count
            route(batch, read_json, aside, epoch, self.last_heard)
            if len(batch) > self._aside_count - before:
                tally.last_event = self.last_heard
            batch = await self._receive()

    def _aside(self, message: object) -> None:
        """Take what is not routed."""
        self._aside_count += 1
        if isinstance(message, dict):
            self._on_reply(message)
        else:
            self._shared.drops.drop("not_an_object")

    def _decode(self, payload: bytes) -> dict[str, Any] | None:
        message = decode(payload)
        if message is None:
            self._shared.drops.drop("not_an_object")
        return message

    def _parse(self, message: dict[str, Any]) -> object | None:
        """Structure a reply and publish it on `system`; None where a field is wrong."""
        try:
            reply = parse_reply(message)
        except InvalidData as exc:
            self._shared.drops.drop("invalid_reply", str(exc))
            return None
        if not isinstance(reply, Ping | Pong):
            self._shared.router.announce(reply.type, message, epoch=self._epoch)
        return reply

    def _on_reply(self, message: dict[str, Any]) -> None:
        reply = self._parse(message)
        if reply is None:
            return
        if isinstance(reply, Ping):
            self._queue_pong()
            return
        passed_over, owner = self._replies.take(message)
        for outgoing in passed_over:
            outgoing.lose()
        if owner is None:
            self._shared.drops.drop("unasked_reply")
        elif (reason := refusal(message)) is not None:
            owner.fail(Rejected(reason, message))
        else:
            owner.answer(message)
        self._note_head()

    def _queue_pong(self) -> None:
        """Answer the server's ping before anything queued; one pong answers any number."""
        if self._pong is None or self._pong.is_done:
            self._pong = Outgoing(PONG, epoch=self._epoch)
            self._shared.queue.put_front(self._pong)

    async def _write(self) -> None:
        while True:
            outgoing = await self._shared.queue.take(self._epoch)
            self._writing = outgoing
            if outgoing.expected is not None:
                self._replies.expect(outgoing.expected, outgoing)
                self._note_head()
            await self._write_frame(outgoing.text)
            if outgoing.expected is None:
                outgoing.answer(None)
            self._writing = None

    async def _write_frame(self, text: str) -> None:
        with trio.move_on_after(SEND_LIMIT):
            await self._transport.send(text)
            self._shared.tally.sent_count += 1
            return
        logger.warning("send.timeout", extra={"epoch": self._epoch})
        raise LinkLost(Loss("send", f"a frame was not written within {SEND_LIMIT:g} s"))

    def _note_head(self) -> None:
        head = self._replies.head
        if head is not None and head.heads_since is None:
            head.heads_since = trio.current_time()
