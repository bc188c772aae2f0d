"""Connections: accepted, upgraded, served and always closed.

The only importer of trio-websocket on the server's side. What the library or a handler raises
stays within its connection; `serve_websocket` would end the server for everybody (V1, V2).
"""

import logging
import random
from collections.abc import Callable

import attrs
import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    wrap_server_stream,
)

from trunkline.simulator.faulty import Faulty
from trunkline.simulator.peeked import Peeked
from trunkline.simulator.plan import Plan
from trunkline.simulator.rest import Answer, Asked, Rest, is_rest, serve
from trunkline.simulator.session import CLOSE_LIMIT, Backend, Ending, Session, SocketGone
from trunkline.simulator.upgrade import PATH, Upgrade
from trunkline.simulator.wire import new_id

logger = logging.getLogger(__name__)

CONNECTION_LIMIT = 100
UPGRADE_LIMIT = 5.0  # s for a whole request
LINGER_LIMIT = 1.0  # s in which the peer may read our last words and close
READ_SIZE = 65_536  # bytes


@attrs.frozen
class Refusal:
    """The HTTP answer to everybody who wants to connect."""

    status: int = 503
    retry_after: float | None = None
    """s; the header `Retry-After`."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that go with it."""
        if self.retry_after is None:
            return []
        return [(b"Retry-After", f"{self.retry_after:g}".encode())]


@attrs.define
class Tally:
    """What happened at the door since the start."""

    accepted: int = 0
    """Sockets."""
    asked: int = 0
    """Requests over REST."""
    rejected: int = 0
    dropped_slow: int = 0
    failed: int = 0
    """Connections that ended with an exception of the library's or ours."""


class Listener:
    """Everything between a stream and its session."""

    def __init__(
        self,
        backend: Backend,
        rng: random.Random,
        stream_plan: Callable[[int], Plan],
    ) -> None:
        self._backend = backend
        self._rest = Rest(backend.world, backend.tokens)
        self._rng = rng
        self._stream_plan = stream_plan
        self._connection_count = 0
        self._accepted = 0
        self.refusal: Refusal | None = None
        self.sessions: dict[int, Session] = {}  # {number: session}
        self.tally = Tally()

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection from its first byte to its last; raises nothing."""
        if self._connection_count >= CONNECTION_LIMIT:
            self.tally.rejected += 1
            await trio.aclose_forcefully(stream)
            return
        self._connection_count += 1
        self._accepted += 1
        plan = self._stream_plan(self._accepted)
        try:
            await self._converse(Faulty(stream, plan) if plan.faults else stream)
        except Exception:  # the border of one connection: whatever a peer provokes
            self.tally.failed += 1
            logger.warning("simulator.connection_failed", exc_info=True)
        finally:
            self._connection_count -= 1
            await trio.aclose_forcefully(stream)

    async def _converse(self, stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as reader:  # the library's reader lives in here
            request = None
            with trio.move_on_after(UPGRADE_LIMIT):
                stream = Peeked(stream)
                if is_rest(await stream.peek_line()):
                    await serve(stream, self._answer_request)
                else:
                    request = await wrap_server_stream(
                        reader, stream, 1, self._backend.rules.max_message_bytes, READ_SIZE
                    )
            if request is not None:
                await self._answer(request, stream)
            deadline = trio.current_time() + LINGER_LIMIT
            reader.cancel_scope.deadline = deadline
        with trio.move_on_at(deadline):
            await _drain(stream)

    def _answer_request(self, asked: Asked) -> Answer:
        """Answer over REST; who refuses sockets refuses here, too."""
        self.tally.asked += 1
        if self.refusal is not None:
            headers = {name.decode(): value.decode() for name, value in self.refusal.headers}
            return Answer(self.refusal.status, {"detail": "Service Unavailable"}, headers)
        return self._rest.answer(asked)

    async def _answer(self, request: WebSocketRequest, stream: trio.abc.Stream) -> None:
        upgrade = Upgrade.parse(request.path, request.headers)
        refusal = Refusal(403) if upgrade.path != PATH else self.refusal
        if refusal is not None:
            self.tally.rejected += 1
            await request.reject(refusal.status, extra_headers=refusal.headers)
            return
        websocket = await request.accept()
        ending = Ending(None) if upgrade.breaks else await self._run_session(websocket, upgrade)
        if ending is None:
            return
        if ending.code is None:
            await trio.aclose_forcefully(stream)
            return
        with trio.move_on_after(CLOSE_LIMIT):
            await websocket.aclose(ending.code, ending.reason or None)

    async def _run_session(self, websocket: WebSocketConnection, upgrade: Upgrade) -> Ending | None:
        self.tally.accepted += 1
        number = self.tally.accepted
        user = self._backend.tokens.user_of_upgrade(upgrade.token)
        session = Session(WebSocket(websocket), self._backend, new_id(self._rng), user, number)
        self.sessions[session.number] = session
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_alive, websocket, session)
                await session.run()
                nursery.cancel_scope.cancel()
        except Exception:  # V2: a fault in a handler ends its own socket alone
            self.tally.failed += 1
            logger.exception("simulator.session_failed")
            return Ending(1011)
        finally:
            del self.sessions[session.number]
        self.tally.dropped_slow += session.was_slow
        return session.ending

    async def _keep_alive(self, websocket: WebSocketConnection, session: Session) -> None:
        """Ping as uvicorn does; `ping()` outlives a dead peer, so it stands under a deadline."""
        interval = self._backend.rules.keepalive
        if interval is None:
            return
        while True:
            await trio.sleep(interval)
            with trio.move_on_after(interval) as limit:
                try:
                    await websocket.ping()
                except ConnectionClosed:
                    return
            if limit.cancelled_caught:
                session.end(1011, "keepalive ping timeout")
                return


class WebSocket:
    """The library's connection as a session sees it."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection

    async def receive(self) -> str | bytes:
        """Return the next frame."""
        try:
            return await self._connection.get_message()
        except ConnectionClosed as exc:
            raise SocketGone from exc

    async def send(self, text: str) -> None:
        """Send a text frame."""
        try:
            await self._connection.send_message(text)
        except ConnectionClosed as exc:
            raise SocketGone from exc


async def _drain(stream: trio.abc.Stream) -> None:
    """Read on until the peer closes: closing on unread bytes would reset our last words away."""
    try:
        while await stream.receive_some(READ_SIZE):
            pass
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
