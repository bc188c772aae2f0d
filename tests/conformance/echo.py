"""Autobahn's client: every message goes back as it came, through the transport that ships.

Text takes the transport's own way. The transport drops binary messages, because its protocol has
none; for those alone the library's delivery is listened to here, so that no code that ships has a
door for it.
"""

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
import trio
import trio_websocket

from trunkline.config import parse_url
from trunkline.errors import TransportError
from trunkline.transport.dialler import Dialler
from trunkline.transport.transport import Transport, open_transport

LARGEST = 16 * 1024 * 1024  # bytes; the largest message of Autobahn (9.1.6, 9.2.6)
CONNECT_LIMIT = 20.0  # s; the server does everything else, such as its report, in one thread
CASE_LIMIT = 120.0  # s; the slowest case takes a few, and Autobahn gives up on it after 100


async def ask(url: str) -> str:
    """Return the first message that a server says.

    Raises:
        TransportError: it cannot be reached, or closes without a word.
    """
    async with _opened(url, fast_lane=True) as transport:
        return (await transport.receive())[0].decode()


async def tell(url: str) -> None:
    """Call what answers by closing when it is done.

    Raises:
        TransportError: it cannot be reached.
    """
    async with _opened(url, fast_lane=True) as transport:
        await _echo_text(transport)


async def echo(url: str, *, fast_lane: bool) -> None:
    """Send back what comes, until the server ends the connection or the case takes too long.

    Raises:
        TransportError: it could not be opened.
    """
    with trio.move_on_after(CASE_LIMIT), _binary_messages() as binary:
        async with _opened(url, fast_lane=fast_lane) as transport, trio.open_nursery() as nursery:
            nursery.start_soon(_echo_binary, transport, binary)
            await _echo_text(transport)
            nursery.cancel_scope.cancel()


async def _echo_text(transport: Transport) -> None:
    try:
        while True:
            for payload in await transport.receive():
                await transport.send(payload.decode())
    except TransportError:
        return  # how it ended is what the server judges


async def _echo_binary(transport: Transport, binary: trio.MemoryReceiveChannel[bytes]) -> None:
    try:
        async for payload in binary:
            await transport.send(payload)  # type: ignore[arg-type] # the library takes both
    except TransportError:
        return


@asynccontextmanager
async def _opened(url: str, *, fast_lane: bool) -> AsyncIterator[Transport]:
    async with open_transport(
        parse_url(url),
        dial=Dialler(),
        max_message_bytes=LARGEST,
        connect_timeout=CONNECT_LIMIT,
        fast_lane=fast_lane,
        on_phase=lambda _: None,
    ) as transport:
        yield transport


@contextmanager
def _binary_messages() -> Iterator[trio.MemoryReceiveChannel[bytes]]:
    """Copy what the library delivers as binary; the transport still gets it and drops it."""
    put, get = trio.open_memory_channel[bytes](math.inf)
    deliver = trio_websocket.WebSocketConnection.get_message

    async def get_message(socket: trio_websocket.WebSocketConnection) -> str | bytes:
        message = await deliver(socket)
        if isinstance(message, bytes):
            put.send_nowait(message)
        return message

    with pytest.MonkeyPatch.context() as patch, put, get:
        patch.setattr(trio_websocket.WebSocketConnection, "get_message", get_message)
        yield get
