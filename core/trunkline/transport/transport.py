"""Open a WebSocket, leave it, and the border at which foreign exceptions become ours.

The only client-side importer of trio_websocket. The library's reader lives alone in an inner
nursery, so that what comes out of it is the library's by construction; our own tasks run outside,
so that a bug of ours is never dressed up as a network fault (reliability §2.4).
"""

import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import trio
import trio_websocket

from trunkline.background import background_nursery
from trunkline.config import Endpoint
from trunkline.errors import TransportError
from trunkline.mailbox import Mailbox
from trunkline.transport import endings
from trunkline.transport.dialler import Dial, OnPhase
from trunkline.transport.guard import MESSAGE_CHARGE, READ_BYTES, Guard
from trunkline.transport.lane import Lane

E = TypeVar("E", bound=BaseException)

INBOX_ITEMS = 4096  # batches, of one message at least
INBOX_BYTES = 8 * 1024 * 1024
LEAVE_LIMIT = 1.5  # s, whatever the peer does
REJECTION_GRACE = 0.05  # s after end of file, so that a rejection already received still wins

logging.getLogger("trio-websocket").setLevel(logging.WARNING)  # its DEBUG shows paths (T15)


@asynccontextmanager
async def open_transport(
    endpoint: Endpoint,
    *,
    dial: Dial,
    headers: Sequence[tuple[str, str]] = (),
    max_message_bytes: int,
    connect_timeout: float,
    fast_lane: bool = True,
    on_phase: OnPhase,
    on_drop: Callable[[str], None] = lambda _: None,
) -> AsyncIterator["Transport"]:
    """Open a WebSocket for the scope; leaving takes 1.5 s at most, whatever the peer does.

    `on_drop("binary")` hears of each binary message: this protocol has none, so it goes no further.

    `connect_timeout` (seconds) covers DNS, TCP, TLS and upgrade together. An exception of the
    body comes out as itself.

    Raises:
        TransportError: it could not be opened.
    """
    fields = [(_header(name), _header(value)) for name, value in headers]
    deadline = trio.current_time() + connect_timeout
    timeout = TransportError("timeout", f"{endpoint.display}: not open after {connect_timeout:g} s")
    with trio.move_on_at(deadline) as scope:
        raw = await dial(endpoint, on_phase)
    if scope.cancelled_caught:
        raise timeout
    try:
        transport = Transport(raw, max_message_bytes, on_drop, fast_lane=fast_lane)
        async with background_nursery() as nursery:
            on_phase("upgrade")
            nursery.start_soon(transport.run, endpoint, fields)
            try:
                with trio.move_on_at(deadline) as scope:
                    await transport.wait_open()
                if scope.cancelled_caught:
                    raise timeout
                yield transport
            finally:
                await transport.aclose()
    finally:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(raw)


def _header(text: str) -> bytes:
    """Check a header's part before the library sees it, which would quote a bad one (T15)."""
    if not text.isascii() or not text.isprintable():
        raise ValueError("a header holds printable ASCII only")
    return text.encode()


class Transport:
    """One open WebSocket: batches of text in, text out."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        max_message_bytes: int,
        on_drop: Callable[[str], None],
        *,
        fast_lane: bool,
    ) -> None:
        self._inbox: Mailbox[list[bytes]] = Mailbox(
            limit=INBOX_ITEMS, limit_bytes=INBOX_BYTES, overflow="grow"
        )
        self._lane = Lane(max_message_bytes, takes=fast_lane)
        self._guard = Guard(stream, self._lane, self._inbox, max_message_bytes)
        self._socket: trio_websocket.WebSocketConnection | None = None
        self._open = trio.Event()
        self._is_leaving = False
        self._scope = trio.CancelScope(shield=True)  # a cancel outside must not cut the goodbye
        self._on_drop = on_drop
        self._max_message_bytes = max_message_bytes

    @property
    def last_rx(self) -> float:
        """When the last byte of any kind came, on Trio's clock."""
        return self._guard.last_rx

    @property
    def is_paused(self) -> bool:
        """We are not reading, because the inbox is full: the silence is ours."""
        return self._guard.is_paused

    @property
    def inbox_used(self) -> float:
        """How full the inbox is; 1 is full."""
        return self._inbox.fill

    @property
    def received_bytes(self) -> int:
        """Bytes that came from the peer, headers and all."""
        return self._guard.received_bytes

    async def receive(self) -> list[bytes]:
        """Wait for the next batch of text payloads, in order; at least one.

        Raises:
            TransportError: the socket has ended, and everything before is read.
        """
        try:
            [batch] = await self._inbox.get_batch(1)
        except trio.EndOfChannel:
            raise self._error() from None
        return batch

    async def send(self, text: str) -> None:
        """Write one message; a cancel closes the socket. One caller at a time.

        Raises:
            TransportError: the socket has ended.
        """
        if self._socket is None:
            raise self._error()
        try:
            await self._socket.send_message(text)
        except trio_websocket.ConnectionClosed as exc:
            self._guard.blame(self._closed(exc.reason))
            raise self._error() from None

    async def wait_open(self) -> None:
        """Wait for the end of the upgrade.

        Raises:
            TransportError: it failed.
        """
        await self._open.wait()
        if self._socket is None:
            raise self._error()

    async def aclose(self, code: int = endings.NORMAL) -> None:
        """Leave: politely if the peer lets us, by force after 1.5 s."""
        if self._is_leaving:
            return
        self._is_leaving = True
        self._guard.leave()
        why = self._guard.why
        try:
            with trio.move_on_after(LEAVE_LIMIT, shield=True):
                if why is not None and why.kind == "protocol" and why.code in endings.OUR_VERDICTS:
                    await self._guard.send_close(why.code)
                elif why is None and self._socket is not None:
                    await self._socket.aclose(code)
        finally:  # whatever the library raises: its reader is shielded, and would stay for ever
            await self._guard.aclose()
            self._scope.cancel()

    def _error(self) -> TransportError:
        """Return the first cause, as a new exception each time it is raised."""
        why = self._guard.why or TransportError("closed", "the socket ended")
        return TransportError(
            why.kind,
            why.detail,
            status=why.status,
            retry_after=why.retry_after,
            code=why.code,
            reason=why.reason,
            ours=why.ours,
        )

    # the library's side

    async def run(self, endpoint: Endpoint, headers: list[tuple[bytes, bytes]]) -> None:
        """Run the library until the socket ends or is left; what it raises is noted as the cause."""
        try:
            with self._scope:
                await self._run_library(endpoint, headers)
        finally:
            self._inbox.close()
            self._open.set()

    async def _run_library(self, endpoint: Endpoint, headers: list[tuple[bytes, bytes]]) -> None:
        try:
            async with trio.open_nursery() as library:
                await self._upgrade(library, endpoint, headers)
                await self._pump()
                library.cancel_scope.cancel()
        except* trio_websocket.ConnectionRejected as group:
            exc = _first(group)
            self._guard.blame(endings.rejected(exc.status_code, exc.headers or (), time.time()))
        except* MemoryError:
            raise
        except* Exception as group:  # noqa: BLE001 - the library's by construction
            # its text may hold a header, so only the class is told
            self._guard.blame(TransportError("protocol", type(_first(group)).__name__))

    async def _upgrade(
        self, library: trio.Nursery, endpoint: Endpoint, headers: list[tuple[bytes, bytes]]
    ) -> None:
        with trio.CancelScope() as scope:

            def on_eof() -> None:
                if self._socket is None:
                    scope.deadline = trio.current_time() + REJECTION_GRACE

            self._guard.on_eof = on_eof
            self._socket = await trio_websocket.wrap_client_stream(
                library,
                self._guard,  # type: ignore[arg-type] # documented: an arbitrary stream
                endpoint.host_header,
                endpoint.target,
                extra_headers=headers,
                message_queue_size=0,
                max_message_size=self._max_message_bytes,
                receive_buffer_size=READ_BYTES,
            )
        if self._socket is None:
            why = f"{endpoint.display}: the server closed during the upgrade"
            self._guard.blame(TransportError("upgrade", why))
            library.cancel_scope.cancel()
            return
        self._open.set()

    async def _pump(self) -> None:
        """Bring what the library delivers into the inbox, in order with what the lane takes."""
        if self._socket is None:
            return
        try:
            while True:
                message = await self._socket.get_message()
                if isinstance(message, str):
                    payload = message.encode()
                    if len(payload) > self._max_message_bytes:  # the library counts characters (T8)
                        await self._refuse_size()
                        return
                    self._inbox.put([payload], len(payload) + MESSAGE_CHARGE)
                else:
                    self._on_drop("binary")
                self._guard.returned()
        except trio_websocket.ConnectionClosed as exc:
            self._guard.blame(self._closed(exc.reason))
        if self._is_leaving:
            await trio.sleep_forever()  # the library's reader still waits for the peer's Close

    async def _refuse_size(self) -> None:
        self._guard.blame(endings.too_large())
        await self._guard.send_close(endings.TOO_BIG)

    def _closed(self, reason: trio_websocket.CloseReason | None) -> TransportError:
        code, text = (endings.ABNORMAL, "") if reason is None else (reason.code, reason.reason)
        return endings.closed(code, text or "", self._lane.peer_code)


def _first(group: BaseExceptionGroup[E]) -> E:
    """Return the first exception of a group, however deep."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
