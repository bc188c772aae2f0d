"""`Faulty`: a stream on which things go wrong, as a plan says.

The network of the tests, and of `--fault`. Over memory streams in virtual time, or between real
sockets; what happens to the bytes is decided in `plan.py`.
"""

import random
import socket
import struct

import trio

from trunkline.simulator.plan import Passage, Plan, Way

READ_SIZE = 65_536  # bytes
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 s, so that closing sends a reset


class Faulty(trio.abc.Stream):
    """A stream wrapped in a plan of faults; closing it closes the stream."""

    def __init__(self, stream: trio.abc.Stream, plan: Plan) -> None:
        rng = random.Random(plan.seed)  # noqa: S311 - repeatable, not a secret
        self._stream = stream
        self._started = trio.current_time()
        self._in = Way((f for f in plan.faults if f.direction != "out"), rng)
        self._out = Way((f for f in plan.faults if f.direction != "in"), rng)
        self._unread: bytes | bytearray = b""
        self._has_ended = False
        self._closed = trio.Event()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Read what the plan lets through."""
        while True:
            over = await self._settle()
            if over is Passage.CUT:
                return b""
            if over is Passage.RESET:
                raise trio.BrokenResourceError("reset by the plan")
            if self._in.passage is Passage.HELD:
                await self._wait_turn()
            elif not self._unread:
                if await self._is_at_end():
                    if self._in.passage is Passage.OPEN:
                        return b""
                    await self._wait_turn()  # the end is as invisible as the bytes before it
            elif self._in.passage is Passage.LOST:
                self._unread = b""
            else:
                count = self._in.room(min(len(self._unread), max_bytes or READ_SIZE))
                await trio.sleep(self._in.pause(count))  # a cancel here loses nothing
                piece, self._unread = self._unread[:count], self._unread[count:]
                return self._in.carry(piece)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write, as far as the plan lets it through."""
        rest: bytes | bytearray = bytes(data)
        while True:
            if await self._settle():
                raise trio.BrokenResourceError("ended by the plan")
            if not rest:
                return
            if self._out.passage is Passage.HELD:
                await self._wait_turn()
                continue
            arrives = self._out.passage is Passage.OPEN
            count = self._out.room(len(rest))
            await trio.sleep(self._out.pause(count))
            piece, rest = self._out.carry(rest[:count]), rest[count:]
            if arrives:
                await self._stream.send_all(piece)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the stream below has room, and the plan lets bytes move."""
        while not await self._settle() and self._out.passage is Passage.HELD:
            await self._wait_turn()
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the stream below."""
        self._closed.set()
        await self._stream.aclose()

    @property
    def _next_turn(self) -> float:
        return self._started + min(self._in.next_at, self._out.next_at)

    async def _settle(self) -> Passage | None:
        """Let faults begin; return how the connection ended, where it has."""
        if self._closed.is_set():
            raise trio.ClosedResourceError
        elapsed = trio.current_time() - self._started
        for way in (self._in, self._out):
            way.advance(elapsed)
        for way in (self._in, self._out):
            if way.passage in {Passage.CUT, Passage.RESET}:
                await self._end(way.passage)
                return way.passage
        return None

    async def _end(self, passage: Passage) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        if passage is Passage.RESET and isinstance(self._stream, trio.SocketStream):
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        await trio.aclose_forcefully(self._stream)

    async def _is_at_end(self) -> bool:
        """Read from below until something comes, or the next fault begins; tell the end of file."""
        with trio.move_on_at(self._next_turn):
            try:
                self._unread = await self._stream.receive_some(READ_SIZE)
            except trio.ClosedResourceError:
                if self._closed.is_set():
                    raise
                return False  # a fault of the other way ended the stream meanwhile
            return not self._unread
        return False

    async def _wait_turn(self) -> None:
        """Wait for the next fault, or for being closed."""
        with trio.move_on_at(self._next_turn):
            await self._closed.wait()
            raise trio.ClosedResourceError
