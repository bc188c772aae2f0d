"""A connection whose HTTP side is a script, and whose WebSocket side never comes up."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from trio.testing import memory_stream_pair

import trunkline

URL = "ws://127.0.0.1:8765/api/v1/ws/unified"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
Script = Callable[[trio.abc.Stream, bytes], Awaitable[None]]


@attrs.define
class Server:
    """Answers each connection by the next script; keeps the heads of what it was asked."""

    scripts: list[Script]
    heads: list[bytes] = attrs.Factory(list)
    open_count: int = 0

    async def serve(self, stream: trio.abc.Stream) -> None:
        head = b""
        while not _is_whole(head):
            data = await stream.receive_some()
            if not data:
                return
            head += data
        if b"upgrade: websocket" in head.lower():
            await trio.aclose_forcefully(stream)
            return
        script = self.scripts[min(len(self.heads), len(self.scripts) - 1)]
        self.heads.append(head)
        self.open_count += 1
        try:
            await script(stream, head)
        finally:
            self.open_count -= 1
            await trio.aclose_forcefully(stream)


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return bool(end) and len(body) >= int(length or b"0")


def answer(data: bytes) -> Script:
    async def send(stream: trio.abc.Stream, _head: bytes) -> None:
        await stream.send_all(data)

    return send


async def fall_silent(stream: trio.abc.Stream, _head: bytes) -> None:
    """Answer nothing until the other side goes."""
    await stream.receive_some()


@asynccontextmanager
async def asking(
    *scripts: Script, url: str = URL, **arguments: Any
) -> AsyncIterator[tuple[trunkline.Connection, Server]]:
    """Open a connection whose HTTP side is a script; its WebSocket side never comes up."""
    server = Server([*scripts])

    async def dial(_endpoint: object, _on_phase: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        client, far = memory_stream_pair()
        nursery.start_soon(server.serve, far)
        return client

    async with trio.open_nursery() as nursery:
        async with trunkline.open_connection(url, dial=dial, **arguments) as connection:
            yield connection, server
        nursery.cancel_scope.cancel()
