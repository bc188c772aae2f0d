"""A server made of bytes: it shakes hands by hand, then does what a test wants."""

import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import trio
import trio.testing
from lane_bench import DEFAULTS

from trunkline.config import parse_url
from trunkline.transport.transport import Transport, open_transport

URL = "ws://127.0.0.1:1/ws"
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
LIMIT = 1024  # bytes of a message, in these tests

Script = Callable[[trio.abc.Stream], Awaitable[None]]


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = False,
    form: int | None = None,
) -> bytes:
    """Return a frame; `form` forces the length's form: 7, 16 or 64 bits."""
    length = len(payload)
    form = form or (7 if length < 126 else 16 if length < 1 << 16 else 64)
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    mask = 0x80 if masked else 0
    if form == 7:
        head = struct.pack("!BB", first, mask | length)
    elif form == 16:
        head = struct.pack("!BBH", first, mask | 126, length)
    else:
        head = struct.pack("!BBQ", first, mask | 127, length)
    return head + (bytes(4) if masked else b"") + payload


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """Return a Close frame."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def answer(request: bytes, *, accept: bytes | None = None, more: bytes = b"") -> bytes:
    """Return the 101 that belongs to a request."""
    [key] = [
        line.partition(b":")[2].strip()
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key")
    ]
    accept = accept or base64.b64encode(hashlib.sha1(key + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n"
    )


async def read_request(stream: trio.abc.Stream) -> bytes:
    """Read the upgrade request."""
    request = b""
    while b"\r\n\r\n" not in request:
        request += await stream.receive_some()
    return request


def saying(data: bytes, *, chunks: int = 1 << 20, then_eof: bool = False) -> Script:
    """Shake hands, send `data` in chunks, then stay silent, or end."""

    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(answer(await read_request(stream)))
        for at in range(0, len(data), chunks):
            await stream.send_all(data[at : at + chunks])
            await trio.lowlevel.checkpoint()
        if then_eof:  # of one direction only: what the client still writes is not refused
            await stream.send_eof()  # type: ignore[attr-defined] # a stapled stream has it
        await trio.sleep_forever()

    return script


@asynccontextmanager
async def opened(
    script: Script, *, connect_timeout: float = 10.0, url: str = URL, **options: Any
) -> AsyncIterator[Transport]:
    """Open a transport to a server that runs `script`; the client's end is closed afterwards."""
    ends: list[trio.abc.Stream] = []

    async def dial(_: object, on_phase: Callable[[str], None]) -> trio.abc.Stream:
        on_phase("tcp")
        await trio.lowlevel.checkpoint()
        client, server = trio.testing.memory_stream_pair()
        ends.append(client)
        nursery.start_soon(run, server)
        return client

    async def run(server: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await script(server)

    error: Exception | None = None
    async with trio.open_nursery() as nursery:
        try:
            async with open_transport(
                parse_url(url),
                dial=dial,
                connect_timeout=connect_timeout,
                on_phase=lambda _: None,
                **{"max_message_bytes": LIMIT, **DEFAULTS, **options},
            ) as transport:
                yield transport
        except Exception as exc:  # noqa: BLE001 - raised again, in no group
            error = exc
        for client in ends:
            try:
                await client.send_all(b"")
            except trio.ClosedResourceError:
                continue
            error = error or AssertionError("the stream was left open")
        nursery.cancel_scope.cancel()
    if error is not None:
        raise error


async def everything(transport: Transport) -> list[bytes]:
    """Receive until the end; the error that ends it is raised by the next `receive`."""
    from trunkline.errors import TransportError

    got: list[bytes] = []
    while True:
        try:
            got += await transport.receive()
        except TransportError:
            return got
