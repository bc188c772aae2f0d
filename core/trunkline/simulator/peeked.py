"""A stream whose beginning was read to see what it is, and is read again by whoever gets it."""

import trio

LINE_LIMIT = 8_192  # bytes of a request's first line


class Peeked(trio.abc.Stream):
    """The stream as it was before anybody looked; closing it closes the stream."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._seen = b""

    async def peek_line(self) -> bytes:
        """Return the first line, or what there is of it where it is no line of text."""
        while b"\n" not in self._seen and len(self._seen) < LINE_LIMIT:
            data = await self._stream.receive_some(LINE_LIMIT)
            self._seen += data
            if not data or not self._seen[:1].isalpha():  # TLS begins with another byte
                break
        return self._seen.partition(b"\n")[0]

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what was seen first, then what comes."""
        if not self._seen:
            return bytes(await self._stream.receive_some(max_bytes))
        await trio.lowlevel.checkpoint()
        size = len(self._seen) if max_bytes is None else max_bytes
        piece, self._seen = self._seen[:size], self._seen[size:]
        return piece

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write through."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait as the stream does."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()
