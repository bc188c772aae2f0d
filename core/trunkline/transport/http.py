"""HTTP/1.1 over one open stream, for one exchange: httpx above, httpcore within, trio below."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

import httpcore
import httpx
import trio

from trunkline.errors import TransportError

ANSWER_LIMIT = 4 * 1024 * 1024  # bytes of an answer's body
FRAMING_LIMIT = 256 * 1024  # bytes of head and chunk sizes around it
TOO_LARGE = f"it has more than {ANSWER_LIMIT // 1024 // 1024} MiB; ask for less at once"


class OverStream(httpx.AsyncBaseTransport):
    """HTTP/1.1 over one open stream, for one exchange."""

    def __init__(self, stream: trio.abc.Stream, url: httpx.URL) -> None:
        origin = httpcore.URL(str(url)).origin
        self._http = httpcore.AsyncHTTP11Connection(origin, _Stream(stream))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; return when the head of the answer is there."""
        url = httpcore.URL(str(request.url))
        answer = await self._http.handle_async_request(
            httpcore.Request(
                request.method, url, headers=request.headers.raw, content=request.content
            )
        )
        chunks = cast("AsyncIterable[bytes]", answer.stream)  # of an asynchronous connection
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(chunks))


class _Body(httpx.AsyncByteStream):
    """The body of an answer as it comes."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks.__aiter__()


class _Stream(httpcore.AsyncNetworkStream):
    """A stream of ours as httpcore knows it; it refuses here what would become too large.

    An error that is raised where the bytes come from leaves every generator above it finished.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._left = ANSWER_LIMIT + FRAMING_LIMIT

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        """Return some bytes; none at the end."""
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise httpcore.ReadError from exc
        self._left -= len(data)
        if self._left < 0:
            raise TransportError("limit", TOO_LARGE)
        return bytes(data)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Write it all."""
        try:
            if buffer:
                await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
            raise httpcore.WriteError from exc

    async def aclose(self) -> None:
        """Leave it: whoever dialled closes."""
