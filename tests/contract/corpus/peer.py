"""A peer that says a case of the corpus and listens to what we make of it."""

import struct
from collections.abc import Callable, Iterator

import attrs
import trio
import trio.testing
from transport_bench import TEXT, answer, frame, read_request

from trunkline.simulator.users import ALICE
from trunkline.transport.dialler import Dial

#: (pause in seconds, bytes), one after the other
Pieces = Callable[[], Iterator[tuple[float, bytes]]]

FIRST = frame(TEXT, b'{"type":"handshake","session_id":"s","authenticated":false}')
IDENTITY = f'{{"type":"authenticated","user":{{"id":"{ALICE.id}","username":"alice"}}}}'
AUTHENTICATED = frame(TEXT, IDENTITY.encode())


def at_once(*parts: bytes) -> Pieces:
    """Say all in one piece."""

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, b"".join(parts)

    return pieces


@attrs.define
class Peer:
    """Knows what it heard, and when the socket was gone."""

    pieces: Pieces
    reply: Callable[[bytes], bytes] = answer
    """From the request for the upgrade to the answer."""
    hangs_up: bool = False
    """After the last piece it ends its direction; else it listens on."""
    request: bytes = b""
    heard: bytes = b""
    said_bytes: int = 0
    began: float | None = None
    gone: float | None = None

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Shake hands, say the pieces, and listen until the other side is gone."""
        self.request = await read_request(stream)
        await stream.send_all(self.reply(self.request))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._say, stream)
            try:
                while chunk := await stream.receive_some():
                    self.heard += chunk
            except trio.BrokenResourceError:
                pass
            self.gone = trio.current_time()
            nursery.cancel_scope.cancel()
        await stream.aclose()

    async def _say(self, stream: trio.abc.Stream) -> None:
        self.began = trio.current_time()
        try:
            for pause, piece in self.pieces():
                await trio.sleep(pause)
                await stream.send_all(piece)
                self.said_bytes += len(piece)
            if self.hangs_up:
                await stream.send_eof()  # type: ignore[attr-defined] # a stapled stream has it
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    def frames(self) -> list[tuple[int, bytes]]:
        """Return (opcode, payload) of what was heard; every frame is whole, final and masked."""
        return list(_frames(self.heard))

    def first(self, nursery: trio.Nursery) -> Callable[[Dial], Dial]:
        """Return what lets this peer answer the first connection, and the real one the others."""
        count = 0

        def wrap(reach: Dial) -> Dial:
            async def dial(endpoint: object, on_phase: Callable[[str], None]) -> trio.abc.Stream:
                nonlocal count
                count += 1
                if count > 1:
                    return await reach(endpoint, on_phase)  # type: ignore[arg-type] # any will do
                on_phase("tcp")
                await trio.lowlevel.checkpoint()
                ours, theirs = trio.testing.memory_stream_pair()
                nursery.start_soon(self.serve, theirs)
                return ours

            return dial

        return wrap


def _frames(heard: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(heard):
        opcode, length = heard[at], heard[at + 1]
        assert opcode & 0xF0 == 0x80
        assert length & 0x80
        at, length = at + 2, length & 0x7F
        if length == 126:
            (length,), at = struct.unpack_from("!H", heard, at), at + 2
        mask, payload = heard[at : at + 4], heard[at + 4 : at + 4 + length]
        assert len(payload) == length
        at += 4 + length
        yield opcode & 0x0F, bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
