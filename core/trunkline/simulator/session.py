"""One socket's protocol: greeting, authentication, topics, activity, commands, heartbeat.

Knows no library and no other socket. The first cause that ends it wins: a fault of the client's
is 1000 like every end the server makes, a socket that does not read is dropped without a word.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

import attrs
import trio

from trunkline.simulator.activity import read_activity
from trunkline.simulator.topics import TOPICS
from trunkline.simulator.users import Tokens, User
from trunkline.simulator.wire import Fatal, decode, encode_reply
from trunkline.simulator.world import World

CLOSE_LIMIT = 1.0  # s for what is queued to leave before the Close frame
RECEIVED_KEPT = 10_000  # frames; the oldest go


class SocketGone(Exception):
    """The socket has ended; the other side began, or the network."""


class Socket(Protocol):
    """What a session needs of a WebSocket; both raise `SocketGone`."""

    async def receive(self) -> str | bytes:
        """Return the next frame."""

    async def send(self, text: str) -> None:
        """Send a text frame."""


@attrs.frozen
class Received:
    """A frame that a client sent."""

    socket: int
    """The number of the socket, the first is 1."""
    frame: str | bytes
    at: float
    """On trio's clock."""


@attrs.frozen(kw_only=True)
class Rules:
    """The limits of a socket."""

    idle_timeout: float
    """s without a frame from the client; then the server asks."""
    pong_timeout: float
    """s for the very next frame, which must be a pong."""
    keepalive: float | None
    """s between WebSocket pings, and for each answer; None: no pings."""
    handshake_delay: float
    """s until the greeting; broadcasts may precede it."""
    max_message_bytes: int
    """A longer message is answered with 1009."""
    queue_limit: int
    """Frames that wait for a slow reader; one more, and the socket is dropped."""


@attrs.define(eq=False)
class Backend:
    """What all sessions of a simulator share."""

    world: World
    tokens: Tokens
    rules: Rules
    received: deque[Received] = attrs.Factory(lambda: deque(maxlen=RECEIVED_KEPT))
    answers_pings: bool = True
    """False: a client's `ping` gets no answer, everything else goes on."""


@attrs.frozen
class Ending:
    """How a socket ends; without a code, it ends without a Close frame."""

    code: int | None
    reason: str = ""


class Session:
    """What the server remembers of one socket."""

    def __init__(
        self, socket: Socket, backend: Backend, session_id: str, user: User | None, number: int
    ) -> None:
        self.id = session_id
        self.number = number
        self.user = user
        self.topics: set[str] = set()
        self.ending: Ending | None = None  # None at the end: the socket was gone already
        self.was_slow = False
        self._actor = user  # activity stays with the first user, whoever comes later (S15)
        self._socket = socket
        self._backend = backend
        self._rules = backend.rules
        self._scope = trio.CancelScope()
        self._outgoing, self._queued = trio.open_memory_channel[str](self._rules.queue_limit)

    async def run(self) -> None:
        """Serve the socket until it ends; then `ending` says how to close it, if it still is."""
        self._backend.world.join(self)
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._serve)
                    await self._write()
                    nursery.cancel_scope.cancel()
        finally:
            self._backend.world.leave(self)

    def end(self, code: int | None, reason: str = "") -> None:
        """End the socket: with a Close frame after what is queued, or (None) at once."""
        if self.ending is not None:
            return
        self.ending = Ending(code, reason)
        self._outgoing.close()
        if code is None:
            self._scope.cancel()
        else:
            self._scope.deadline = trio.current_time() + CLOSE_LIMIT

    def offer(self, text: str) -> None:
        """Queue a pushed event; a socket that does not read is dropped, and hurts nobody."""
        if self.ending is not None:
            return
        try:
            self._outgoing.send_nowait(text)
        except trio.WouldBlock:
            self.was_slow = True
            self.end(None)

    async def _write(self) -> None:
        """Send what is queued, until `end` and everything before it has left."""
        try:
            async for text in self._queued:
                await self._socket.send(text)
        except SocketGone:
            self._scope.cancel()

    async def _serve(self) -> None:
        try:
            await trio.sleep(self._rules.handshake_delay)
            await self._reply(
                type="handshake",
                session_id=self.id,
                authenticated=self.user is not None,
                message="Connected to unified WebSocket",
            )
            while True:
                await self._handle(await self._next_frame())
        except Fatal:
            self.end(1000)
        except SocketGone:
            self._scope.cancel()
        except trio.ClosedResourceError:
            pass  # `end` was called meanwhile; there is nobody to answer any more

    async def _reply(self, **message: Any) -> None:
        """Answer in order; waits for a slow reader, who holds up only itself."""
        await self._outgoing.send(encode_reply(message))

    async def _next_frame(self) -> str | bytes:
        """Return the next frame; after a silence, ask first (protocol §12).

        Raises:
            Fatal: what followed the server's ping in time was not a pong, or nothing did.
        """
        while True:
            with trio.move_on_after(self._rules.idle_timeout):
                return await self._receive()
            await self._reply(type="ping")
            with trio.move_on_after(self._rules.pong_timeout) as limit:
                frame = await self._receive()
            if limit.cancelled_caught:
                raise Fatal("no pong in time")
            message = decode(frame)
            if message is None or message.get("type") != "pong":
                raise Fatal("the frame after a ping must be a pong")

    async def _receive(self) -> str | bytes:
        frame = await self._socket.receive()
        self._backend.received.append(Received(self.number, frame, trio.current_time()))
        return frame

    async def _handle(self, frame: str | bytes) -> None:
        message = decode(frame) or {}
        match message.get("type"):
            case "authenticate":
                await self._authenticate(message.get("token"))
            case "subscribe":
                await self._subscribe(message.get("topic"))
            case "unsubscribe":
                await self._unsubscribe(message.get("topic"))
            case "activity":
                self._store(message)
            case "command":
                await self._reply(**self._backend.world.command(self.user, message))
            case "ping" if self._backend.answers_pings:
                await self._reply(type="pong")
            case _:
                pass  # not JSON, unknown or without a type: ignored (protocol §4)

    async def _authenticate(self, token: object) -> None:
        if not token:
            await self._reply(type="auth_error", error="Token required for authentication")
            return
        user = self._backend.tokens.user_of_message(token)
        if user is None:
            await self._reply(type="auth_error", error="Invalid or expired token")
            return
        self.user = user
        self._actor = self._actor or user
        identity = {"id": user.id, "username": user.username, "email": user.email}
        await self._reply(type="authenticated", user=identity)

    async def _subscribe(self, topic: object) -> None:
        if not isinstance(topic, str) or topic.strip() not in TOPICS:
            await self._reply(type="subscription_error", topic=topic, error="Unsupported topic")
            return
        self.topics.add(topic.strip())
        await self._acknowledge(topic, "subscribed")

    async def _unsubscribe(self, topic: object) -> None:
        if not isinstance(topic, str) or topic.strip() not in self.topics:
            error = "Subscription not found"
            await self._reply(type="subscription_error", topic=topic, error=error)
            return
        self.topics.remove(topic.strip())
        await self._acknowledge(topic, "unsubscribed")

    async def _acknowledge(self, topic: str, action: str) -> None:
        topics = sorted(self.topics)
        await self._reply(type="subscription_ack", topic=topic, action=action, topics=topics)

    def _store(self, message: Mapping[str, Any]) -> None:
        world = self._backend.world
        activity = read_activity(message, world.walltime())
        if activity is not None:
            world.store_activity(self.id, self._actor, activity)
