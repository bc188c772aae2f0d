"""A receiver of webhooks on loopback, over real sockets, that answers as it is told."""

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

MAX_HEAD = 65536

#: Bytes to answer with, or what to do with the connection instead.
Answer = bytes | Callable[[trio.SocketStream], Awaitable[None]]


@attrs.frozen
class Request:
    """What was received, whole."""

    line: str
    headers: dict[str, str]
    body: bytes
    status: int
    """What was answered; 0 where that was no HTTP."""

    def items(self) -> list[Any]:
        """Return the body as JSON."""
        return list(json.loads(self.body))


def answered(status: int, body: bytes = b"", **headers: str) -> bytes:
    """Return a whole answer."""
    fields = {
        "Content-Length": str(len(body)),
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body


class Hook:
    """Keeps the requests; answers with `answers` in turn, then as `judge` says of the body."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = deque(answers)
        self.judge: Callable[[bytes], bytes] = lambda _: answered(204)
        self.requests: list[Request] = []
        self.connections = 0
        self.url = ""

    @property
    def taken(self) -> list[Request]:
        """The requests that were answered with a status of 2xx."""
        return [each for each in self.requests if 200 <= each.status < 300]

    @asynccontextmanager
    async def listen(self, ssl_context: Any = None) -> AsyncIterator[str]:
        """Serve on a free port; the URL is `url`, too."""
        async with trio.open_nursery() as nursery:
            [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
            port = listener.socket.getsockname()[1]
            outer = listener if ssl_context is None else trio.SSLListener(listener, ssl_context)
            nursery.start_soon(trio.serve_listeners, self._serve, [outer])
            self.url = f"http{'s' if ssl_context else ''}://localhost:{port}/in"
            yield self.url
            nursery.cancel_scope.cancel()

    async def _serve(self, stream: Any) -> None:
        self.connections += 1
        try:
            async with stream:
                while await self._one(stream):
                    pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the client has gone

    async def _one(self, stream: Any) -> bool:
        """Serve a request; False if there is none, or the connection is done with."""
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = await stream.receive_some()
            if not chunk or len(data) > MAX_HEAD:
                return False
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        pairs = (field.split(": ", 1) for field in fields)
        headers = {name.lower(): value for name, value in pairs}
        while len(body) < int(headers["content-length"]):
            body += await stream.receive_some()
        answer = self.answers.popleft() if self.answers else self.judge(body)
        status = int(answer[9:12]) if isinstance(answer, bytes) else 0
        self.requests.append(Request(line, headers, body, status))
        if isinstance(answer, bytes):
            await stream.send_all(answer)
            return True
        await answer(stream)
        return False


async def silence(_: trio.SocketStream) -> None:
    """Say nothing, for ever."""
    await trio.sleep_forever()


async def hang_up(_: trio.SocketStream) -> None:
    """End the connection without an answer."""


async def endless_body(stream: trio.SocketStream) -> None:
    """Answer 200, then go on for ever."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await stream.send_all(b"10000\r\n" + b"x" * 65536 + b"\r\n")


async def endless_head(stream: trio.SocketStream) -> None:
    """Answer 200, then send headers for ever."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\n")
    while True:
        await stream.send_all(b"X-More: " + b"x" * 1000 + b"\r\n")


async def torn_body(stream: trio.SocketStream) -> None:
    """Answer 200 and promise more than comes."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
