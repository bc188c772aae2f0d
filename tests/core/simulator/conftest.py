"""A WebSocket client as bare as it gets, over the simulator's memory streams."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from trunkline.simulator import Dial

PATH = "/api/v1/ws/unified"


@pytest.fixture
def connect() -> Callable[..., AbstractAsyncContextManager[WebSocketConnection]]:
    """Open a socket; with a `token` it is authenticated by query, unless `greeted` it is raw."""

    @asynccontextmanager
    async def open_socket(
        dial: Dial,
        *,
        token: str | None = None,
        target: str = PATH,
        headers: Sequence[tuple[bytes, bytes]] = (),
        greeted: bool = True,
    ) -> AsyncIterator[WebSocketConnection]:
        if token is not None:
            target = f"{target}?token={token}"
        stream = await dial(None, lambda _phase: None)
        async with stream, trio.open_nursery() as nursery:
            socket = await wrap_client_stream(
                nursery,
                stream,  # type: ignore[arg-type] # any stream will do
                "simulator",
                target,
                extra_headers=list(headers),
                message_queue_size=10_000,
            )
            if greeted:
                await socket.get_message()
            yield socket
            nursery.cancel_scope.cancel()

    return open_socket


@pytest.fixture
def over_tcp() -> Callable[[str], Dial]:
    """Turn a URL on loopback into what opens a stream to it."""

    def dial_url(url: str) -> Dial:
        async def dial(_endpoint: object, _on_phase: object) -> trio.abc.Stream:
            parts = urlsplit(url)
            return await trio.open_tcp_stream(parts.hostname or "", parts.port or 0)

        return dial

    return dial_url


@pytest.fixture
def ask() -> Callable[..., Awaitable[str]]:
    """Send a message and return the next frame, as its text."""

    async def send_and_receive(socket: WebSocketConnection, **message: object) -> str:
        await socket.send_message(json.dumps(message))
        return str(await socket.get_message())

    return send_and_receive


@pytest.fixture
def close_code() -> Callable[[WebSocketConnection], Awaitable[int]]:
    """Read until the socket has ended; return its close code, 1006 where there was none."""

    async def read_to_the_end(socket: WebSocketConnection) -> int:
        try:
            while True:
                await socket.get_message()
        except ConnectionClosed as exc:
            return exc.reason.code if exc.reason else 1006

    return read_to_the_end


@pytest.fixture
def frames() -> Callable[[WebSocketConnection], Awaitable[list[str]]]:
    """Return what has arrived, and what arrives until all is quiet."""

    async def read_all(socket: WebSocketConnection) -> list[str]:
        found: list[str] = []
        with trio.move_on_after(0.5):
            while True:
                found.append(str(await socket.get_message()))
        return found

    return read_all
