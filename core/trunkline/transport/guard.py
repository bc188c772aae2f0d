"""The one stream of ours under the WebSocket library, and the only thing that awaits bytes.

It reads, asks the pure lane what the bytes mean, and acts: hands payloads to the inbox and the
rest to the library; keeps the accounts and deadlines of unfinished messages; closes by force. The
first cause of an end is noted here and never overwritten (reliability §2.3).
"""

import math
from collections.abc import Callable

import attrs
import trio

from trunkline.errors import TransportError
from trunkline.mailbox import Mailbox
from trunkline.transport.lane import Lane, close_frame

OnEof = Callable[[], None]

READ_BYTES = 192 * 1024  # a step of the event loop for each; more would hold the loop too long
HEAD_LIMIT = 128 * 1024  # bytes of the answer to the upgrade, a rejection's body included
ASSEMBLY_LIMIT = 30.0  # s for one message, pauses of our own not counted
MESSAGE_CHARGE = 64  # bytes that a waiting message counts beside its text; short ones cost too
SLACK = 64 * 1024  # bytes that an unfinished message may count beyond twice the limit
GOODBYE_LIMIT = 0.5  # s for the hand-made Close frame
POLICY_VIOLATION = 1008


def _nobody_listens() -> None:
    """Stand in until somebody wants to hear of the end."""


@attrs.define
class Assembly:
    """The one message that is unfinished, and until when it may be."""

    number: int
    deadline: float


class Guard(trio.abc.Stream):
    """Stands between the raw stream and the library."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        lane: Lane,
        inbox: Mailbox[list[bytes]],
        max_message_bytes: int,
    ) -> None:
        self._stream = stream
        self._lane = lane
        self._inbox = inbox
        self._budget = 2 * max_message_bytes + SLACK
        self._head_bytes = 0
        self._assembly: Assembly | None = None
        self._limit = trio.CancelScope()  # of the reads that are going on
        self._returned_count = 0
        self._returned = trio.lowlevel.ParkingLot()
        self._is_writing = False
        self._has_said_goodbye = False
        self._is_leaving = False
        self.on_eof: OnEof = _nobody_listens
        self.why: TransportError | None = None
        self.last_rx = trio.current_time()
        self.received_bytes = 0
        self.is_paused = False

    def blame(self, error: TransportError) -> None:
        """Note why it ended; the first cause wins."""
        if self.why is None:
            self.why = error

    def returned(self) -> None:
        """Say that the library has delivered a message whose bytes were handed on (G5)."""
        self._returned_count += 1
        self._returned.unpark_all()

    def leave(self) -> None:
        """Take nothing out and wait for nobody from now on: the connection is being left."""
        self._is_leaving = True
        self._lane.shut()
        self._returned.unpark_all()
        self._inbox.close()  # ends a wait for room, too

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return bytes for the library; empty at the end of the stream."""
        with self._scope() as self._limit:
            return await self._receive(max_bytes or READ_BYTES)
        reason = f"a message was not finished within {ASSEMBLY_LIMIT:g} s"
        raise await self._abort(TransportError("limit", reason, code=POLICY_VIOLATION, ours=True))

    def _scope(self) -> trio.CancelScope:
        """Return what ends the reads when the unfinished message has had its time.

        One for many reads, whose deadline moves: to enter one costs half as much as a read.
        """
        deadline = math.inf if self._assembly is None else self._assembly.deadline
        return trio.CancelScope(deadline=deadline)

    async def _receive(self, max_bytes: int) -> bytes:
        while True:
            await self._wait_turn()
            try:
                chunk = bytes(await self._stream.receive_some(max_bytes))
            except trio.BrokenResourceError:  # a reset ends an upgrade as an end of file does
                self.on_eof()
                raise
            if not chunk:
                self.on_eof()
                return self._lane.flush()
            self.last_rx = trio.current_time()
            self.received_bytes += len(chunk)
            payloads, rest = self._lane.feed(chunk)
            if payloads:
                # one item for each chunk: per-message bookkeeping is what a fast reader spends most on
                self._inbox.put(payloads, len(chunk) + MESSAGE_CHARGE * len(payloads))
            await self._check_account(len(chunk))
            if rest:
                return rest

    async def _wait_turn(self) -> None:
        """Wait until what was handed on is delivered and the inbox has room: our own pause."""
        if self._is_leaving or (
            self._lane.handed_count <= self._returned_count and self._inbox.has_room()
        ):
            return
        began = trio.current_time()
        self._limit.deadline = math.inf
        while self._lane.handed_count > self._returned_count and not self._is_leaving:
            await self._returned.park()
        if not self._inbox.has_room() and not self._is_leaving:
            self.is_paused = True
            try:
                await self._inbox.wait_room()
            finally:
                self.is_paused = False
                self.last_rx = trio.current_time()  # our silence is not the peer's
        if self._assembly is not None:
            self._assembly.deadline += trio.current_time() - began
            self._limit.deadline = self._assembly.deadline

    async def _check_account(self, count: int) -> None:
        """Keep the accounts: of the head until the upgrade, of an unfinished message after it."""
        lane = self._lane
        if not lane.is_upgraded:
            await self._check_head(count)
            return
        unfinished = lane.unfinished_bytes
        if unfinished > self._budget:
            error = TransportError(
                "limit", f"an unfinished message is over {self._budget} bytes",
                code=POLICY_VIOLATION, ours=True,
            )  # fmt: skip
            raise await self._abort(error)
        if not unfinished:
            self._assembly = None
            self._limit.deadline = math.inf
        elif self._assembly is None or self._assembly.number != lane.message_number:
            deadline = trio.current_time() + ASSEMBLY_LIMIT
            self._assembly = Assembly(lane.message_number, deadline)
            self._limit.deadline = deadline

    async def _check_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > HEAD_LIMIT:
            reason = f"the answer to the upgrade is over {HEAD_LIMIT} bytes"
            raise await self._abort(TransportError("protocol", reason))

    async def _abort(self, error: TransportError) -> Exception:
        """Close by force, after a Close frame if one can be sent; return what to raise."""
        self.blame(error)
        if error.code is not None:
            await self.send_close(error.code)
        await self.aclose()
        self.on_eof()
        return trio.BrokenResourceError(error.detail)

    async def send_close(self, code: int) -> None:
        """Send a hand-made Close frame, unless a write is under way (T3); nothing follows it."""
        if self._is_writing:
            return
        self._has_said_goodbye = True
        with trio.move_on_after(GOODBYE_LIMIT, shield=True):
            try:
                await self._stream.send_all(close_frame(code))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write; a write that is cut short leaves no socket behind (G4).

        Raises:
            trio.ClosedResourceError: our hand-made Close is on its way or has left already.
        """
        if self._has_said_goodbye:  # another task's message that was just about to be written
            raise trio.ClosedResourceError
        self._is_writing = True
        try:
            await self._stream.send_all(data)
        except trio.Cancelled:
            self.blame(TransportError("closed", "a write was cut short"))
            await self.aclose()
            raise
        finally:
            self._is_writing = False

    async def wait_send_all_might_not_block(self) -> None:
        """Wait for the raw stream."""
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        """Close the raw stream at once."""
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(self._stream)
