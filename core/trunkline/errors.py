"""Every failure has a name, and the class says who has to act.

The caller (misuse, configuration): `ConfigError`, `UsageError`, `UserError`, `NotSent`,
`OutboxFull`, `Rejected`, `SlowConsumer`, `RequiredPluginMissing`, `Interrupted`.
The peer or the network: `TransportError`, `NotConnected`, `OutcomeUnknown`.
Who keeps the machine: `OutboxLocked`, `OutboxUnavailable`, `OutboxDamaged`.
The author of a plugin: `PluginError`, `PluginFatal`, `NotReady`, `Reject`, `InvalidData`.
We ourselves: `StateError`.

This module imports nothing of ours and never learns of sockets, tasks or files.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

#: What kind of trouble ended or prevented a connection (reliability T7).
LossKind = Literal[
    "dns", "refused", "timeout", "tls", "upgrade", "rejected", "protocol", "limit", "closed"
]


class TrunklineError(Exception):
    """The base of every error that is ours; its text says what, where and what to do."""


@attrs.frozen
class Problem:
    """One thing that is wrong with a configuration."""

    where: str
    """`file:line key`, as exactly as it is known."""
    cause: str
    """What is wrong and what would be right; never a secret's value."""
    line: int = attrs.field(default=0, eq=False)
    """Where it stands in the file, for putting problems in order; 0 where that is not known."""

    def __str__(self) -> str:
        return f"{self.where}: {self.cause}"


class ConfigError(TrunklineError):
    """The configuration cannot be used; it lists every problem, in the order of the file.

    `partial` is what could be read of it, with None for each table that is wrong; None where
    nothing could.
    """

    def __init__(self, problems: Sequence[Problem], partial: Any = None) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        self.partial = partial
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UserError(TrunklineError):
    """A command's answer to a person: its text alone is printed, without a traceback."""


class UsageError(TrunklineError):
    """The command line asks for something that is not there; exit code 2."""


class InvalidData(TrunklineError):
    """Data from outside has not the shape a class asks for.

    The text names the path (`$.payload.n`) and what was expected, never the value.
    """


class TransportError(TrunklineError):
    """A connection could not be opened, or ended; the one error that leaves the transport.

    `kind` is one of `LossKind`. `status` and `retry_after` (seconds) go with `rejected`;
    `code` and `reason` with `closed`, `protocol` and `limit`. `code` is None where the socket
    ended without a Close frame (1006). `ours` tells who began the close. The peer's text has
    been escaped and cut before it gets here.
    """

    def __init__(
        self,
        kind: LossKind,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        code: int | None = None,
        reason: str = "",
        ours: bool = False,
    ) -> None:
        self.kind: LossKind = kind
        self.detail = detail
        self.status = status
        self.retry_after = retry_after
        self.code = code
        self.reason = reason
        self.ours = ours
        super().__init__(f"{kind}: {detail}")


class NotConnected(TrunklineError):
    """The link was not there in the time given; the text says why the last attempt failed."""


class NotSent(TrunklineError):
    """Nothing has left this process: sending again is safe."""


class OutboxFull(NotSent):
    """The send queue is at its bound (1,000 messages or 1 MiB); wait, then send again."""


class OutboxLocked(TrunklineError):
    """The outbox belongs to another host that runs; the text names its process."""


class OutboxUnavailable(TrunklineError):
    """The outbox cannot be read or written just now, a full disk for one; it is tried again."""


class OutboxDamaged(TrunklineError):
    """The file of the outbox is not sound; it is set aside, and what is good in it kept."""


class OutcomeUnknown(TrunklineError):
    """The link was lost while the message was in flight: it may or may not have been handled."""


class Rejected(TrunklineError):
    """The server said no; `reply` is its whole answer."""

    def __init__(self, reason: str, reply: Mapping[str, Any]) -> None:
        self.reason = reason
        self.reply = reply
        super().__init__(f"the server refused: {reason}")


class SlowConsumer(TrunklineError):
    """A subscription with `overflow="close"` was not read in time and has ended."""


class Interrupted(TrunklineError):
    """The host was told to stop a second time, and ended without finishing its work."""


class StateError(TrunklineError):
    """A state machine of ours was asked for a change its table does not list: a bug of ours."""


class PluginError(TrunklineError):
    """A plugin could not be loaded or used; the text names the culprit."""


class RequiredPluginMissing(PluginError):
    """A plugin in `[plugins] require` is missing, did not load, or failed later; exit code 3."""


class PluginFatal(TrunklineError):
    """Raised by a plugin: a person must act, restarting is of no use."""


class NotReady(TrunklineError):
    """Raised by a plugin or sink: try again later; not an error.

    `retry_after` is the least time to wait, in seconds.

    Raises (when made):
        TypeError, ValueError: `retry_after` is no number, or one that is negative or not finite.
    """

    def __init__(self, reason: str = "not ready", *, retry_after: float | None = None) -> None:
        if retry_after is not None:
            if not isinstance(retry_after, int | float):
                raise TypeError(f"retry_after: seconds as a number, not {retry_after!r}")
            if not 0 <= retry_after < math.inf:
                raise ValueError(f"retry_after: seconds from 0 on, not {retry_after!r}")
        self.retry_after = retry_after
        super().__init__(reason)


class Reject(TrunklineError):
    """Raised by a sink: these events of the batch will never be taken.

    `reasons` maps the index in the batch to the reason; the rest counts as delivered.

    Raises (when made):
        TypeError: an index is no int, or a reason no text.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        given: Mapping[Any, Any] = reasons  # whatever it is
        for index, reason in given.items():
            if not isinstance(index, int) or not isinstance(reason, str):
                kinds = f"{type(index).__name__}: {type(reason).__name__}"
                raise TypeError(f"Reject: {{index in the batch: reason as text}}, not {{{kinds}}}")
        self.reasons = dict(reasons)
        super().__init__(f"{len(self.reasons)} events rejected")
