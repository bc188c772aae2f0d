"""What to do about the loss of a socket: one table, no clock, no state (connection.md §5).

No answer of a server is final: every row ends in another attempt, only sooner or later. In
particular 1000 is never "finished": this server closes 1000 after each fault of its own.
"""

from enum import Enum
from typing import Literal

import attrs

from trunkline.errors import LossKind, TransportError, TrunklineError

#: Why an epoch ended: the transport's kinds, and what the session itself finds.
Cause = (
    LossKind
    | Literal[
        "token", "hello", "authenticate", "topics", "heartbeat", "send", "refusal", "identity"
    ]
)


class Verdict(Enum):
    """How soon to try again."""

    #: exponential backoff with full jitter
    RETRY = "retry"
    #: a short random wait: the server restarts and everybody was cut off at once
    RESTART = "restart"
    #: the server asked for patience
    BUSY = "busy"
    #: the credentials were refused: once with fresh ones, then slowly
    REFUSAL = "refusal"
    #: nothing that heals by itself within seconds
    SLOW = "slow"


@attrs.frozen
class Loss:
    """Why a socket ended, or could not be opened."""

    cause: Cause
    detail: str = ""
    code: int | None = None
    """The close code; None where there was no Close frame (1006)."""
    status: int | None = None
    """The HTTP status of a rejected upgrade."""
    retry_after: float | None = None

    @classmethod
    def of(cls, error: TransportError) -> "Loss":
        """Return the loss that a transport error stands for."""
        return cls(error.kind, error.detail, error.code, error.status, error.retry_after)

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}" if self.detail else self.cause


RESTART_CODES = frozenset({1001, 1012})
BUSY_CODES = frozenset({1013, 4429})
#: The peer found fault with what we sent, or spoke another protocol.
SLOW_CODES = frozenset({1002, 1003, 1004, 1007, 1008, 1009, 1010})
APPLICATION_REFUSALS = range(4400, 4500)
BUSY_STATUSES = frozenset({408, 425, 429})
SERVER_ERRORS = range(500, 600)


def verdict(loss: Loss) -> Verdict:
    """Return what to do about `loss`."""
    match loss.cause:
        case "refusal" | "identity":
            return Verdict.REFUSAL
        case "tls" | "protocol":
            return Verdict.SLOW
        case "rejected":
            busy = loss.status in BUSY_STATUSES or loss.status in SERVER_ERRORS
            return Verdict.BUSY if busy else Verdict.SLOW
        case "closed":
            return _verdict_of_code(loss.code)
        case _:
            return Verdict.RETRY


def _verdict_of_code(code: int | None) -> Verdict:
    if code is None:
        return Verdict.RETRY
    if code in RESTART_CODES:
        return Verdict.RESTART
    if code in BUSY_CODES:
        return Verdict.BUSY
    if code in SLOW_CODES or code in APPLICATION_REFUSALS:
        return Verdict.SLOW
    return Verdict.RETRY


class LinkLost(TrunklineError):
    """The epoch is over; carries why. Never leaves the connection."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        super().__init__(str(loss))
