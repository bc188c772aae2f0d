"""What is on its way out: one message with its answer, and the queue all of them stand in.

Nothing here writes. The session's writer takes from the queue; a message that it has begun to
write is never put back (connection.md §10).
"""

import logging
from collections.abc import Mapping
from typing import Any

import attrs
import trio

from trunkline.connection.protocol import Expected, expected_reply
from trunkline.errors import NotSent, OutboxFull, OutcomeUnknown, TrunklineError
from trunkline.mailbox import Mailbox

logger = logging.getLogger(__name__)

QUEUE_MESSAGES = 1000
QUEUE_BYTES = 1024 * 1024


@attrs.define(eq=False)
class Outgoing:
    """One message and, in the end, its one outcome."""

    text: str
    expected: Expected | None = None
    epoch: int | None = None
    """The only epoch it may be sent in; None: whichever is live."""
    heads_since: float | None = None
    """Since when (Trio's clock) the server's next answer is due to it."""
    _done: trio.Event = attrs.field(factory=trio.Event, init=False)
    _reply: Mapping[str, Any] | None = attrs.field(default=None, init=False)
    _error: TrunklineError | None = attrs.field(default=None, init=False)

    @classmethod
    def of(cls, message: Mapping[str, Any], text: str) -> "Outgoing":
        """Return a message on its way, with the answer that it will have."""
        return cls(text, expected_reply(message))

    @property
    def is_done(self) -> bool:
        """It has its outcome."""
        return self._done.is_set()

    def answer(self, reply: Mapping[str, Any] | None) -> None:
        """Settle it: the reply, or None where the server sends none."""
        self._settle(reply, None)

    def fail(self, error: TrunklineError) -> None:
        """Settle it: there will be no answer."""
        self._settle(None, error)

    def lose(self) -> None:
        """Settle it: the link went while it was in flight."""
        self.fail(OutcomeUnknown("the link was lost before the server answered; it may have acted"))

    def _settle(self, reply: Mapping[str, Any] | None, error: TrunklineError | None) -> None:
        if not self._done.is_set():
            self._reply, self._error = reply, error
            self._done.set()

    async def wait_done(self) -> None:
        """Wait for the outcome, whatever it is."""
        await self._done.wait()

    async def result(self) -> Mapping[str, Any] | None:
        """Wait for the outcome; return the reply or raise the error."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._reply


class SendQueue:
    """Messages in order, bounded; what is queued survives the loss of a socket."""

    def __init__(self) -> None:
        self._mailbox: Mailbox[Outgoing] = Mailbox(
            limit=QUEUE_MESSAGES, limit_bytes=QUEUE_BYTES, overflow="refuse"
        )
        self._is_known_full = False  # told once, until it has been empty again

    def __len__(self) -> int:
        return len(self._mailbox)

    @property
    def fill(self) -> float:
        """How full it is; 1 is full."""
        return self._mailbox.fill

    def put(self, outgoing: Outgoing) -> None:
        """Queue a message.

        Raises:
            OutboxFull: the queue is at its bound.
            NotSent: the queue is closed.
        """
        if self._mailbox.is_closed:
            raise NotSent("the connection is being stopped")
        if not self._mailbox.put(outgoing, len(outgoing.text)):
            if not self._is_known_full:
                logger.warning("send.full", extra={"count": len(self._mailbox)})
            self._is_known_full = True
            raise OutboxFull(f"{len(self._mailbox)} messages wait already; send less or wait")

    async def send(self, outgoing: Outgoing) -> Mapping[str, Any] | None:
        """Queue a message and wait for its answer; a cancel withdraws it while it is queued."""
        self.put(outgoing)
        try:
            return await outgoing.result()
        except trio.Cancelled:
            self.discard(outgoing)
            raise

    def put_front(self, outgoing: Outgoing) -> None:
        """Queue a message of the protocol's own before all others."""
        self._mailbox.put_front(outgoing, len(outgoing.text))

    def discard(self, outgoing: Outgoing) -> bool:
        """Withdraw a message that has not been taken yet."""
        return self._mailbox.discard(outgoing)

    async def take(self, epoch: int) -> Outgoing:
        """Wait for the next message that may be sent in `epoch`; those of older ones are dropped."""
        while True:
            [outgoing] = await self._mailbox.get_batch(1)
            if not len(self._mailbox):
                self._is_known_full = False
            if outgoing.epoch is None or outgoing.epoch == epoch:
                return outgoing
            outgoing.lose()

    def close(self) -> None:
        """Refuse what comes from now on; what is queued may still be taken."""
        self._mailbox.close()

    def abandon(self) -> None:
        """Refuse what comes and fail what is queued: it has not left."""
        self._mailbox.close()
        for outgoing in self._mailbox.drain():
            outgoing.fail(NotSent("the connection was stopped before this was sent"))
