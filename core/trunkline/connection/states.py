"""The seven states of a connection, and the one table of what may follow what.

Nothing here knows of time, sockets or policy. Only `Connection` changes a state, through
`check`, which refuses what the table does not list (connection.md §2).
"""

from collections.abc import Mapping
from enum import Enum

import attrs

from trunkline.errors import StateError


class ConnectionState(Enum):
    """Where a connection stands, as its user sees it."""

    #: before the first attempt, and after the last
    DISCONNECTED = "disconnected"
    #: the first attempt is under way
    CONNECTING = "connecting"
    #: greeted, authenticated where asked for, and the topics answered
    CONNECTED = "connected"
    #: waiting for the next attempt, or trying
    RECONNECTING = "reconnecting"
    #: the credentials were refused twice; attempts go on, slowly
    BLOCKED = "blocked"
    #: being stopped: no new work, what is under way is finished
    DRAINING = "draining"
    #: an error of ours that cannot heal; never a server's answer
    FAILED = "failed"


_S = ConnectionState

#: {state: the states that may follow}
NEXT: Mapping[ConnectionState, frozenset[ConnectionState]] = {
    _S.DISCONNECTED: frozenset({_S.CONNECTING, _S.FAILED}),
    _S.CONNECTING: frozenset({_S.CONNECTED, _S.RECONNECTING, _S.DRAINING, _S.FAILED}),
    _S.CONNECTED: frozenset({_S.RECONNECTING, _S.DRAINING, _S.FAILED}),
    _S.RECONNECTING: frozenset({_S.CONNECTED, _S.BLOCKED, _S.DRAINING, _S.FAILED}),
    _S.BLOCKED: frozenset({_S.CONNECTED, _S.DRAINING, _S.FAILED}),
    _S.DRAINING: frozenset({_S.DISCONNECTED, _S.FAILED}),
    _S.FAILED: frozenset({_S.DISCONNECTED}),
}


def check(old: ConnectionState, new: ConnectionState) -> None:
    """Refuse a change that the table does not list.

    Raises:
        StateError: `new` may not follow `old`.
    """
    if new not in NEXT[old]:
        raise StateError(f"a connection that is {old.value} cannot become {new.value}")


@attrs.frozen
class StateChange:
    """One change of state, as callbacks and the `system` topic see it."""

    old: ConnectionState
    new: ConnectionState
    cause: str
    """Why, in one word: a cause of loss, `ready`, `start`, `stop`."""
    epoch: int
    attempt: int
    """Attempts since the connection was last connected, this one included."""
    retry_in: float | None = None
    """Seconds until the next attempt, where one is planned."""


@attrs.frozen
class Status:
    """A snapshot of a connection, for people and programs."""

    state: ConnectionState
    phase: str
    """What it is doing right now: `idle`, `waiting`, `token`, `dns`, `tcp`, `tls`, `upgrade`,
    `hello`, `auth`, `topics`, `live` or `closing`."""
    epoch: int
    attempt: int
    retry_in: float | None
    """Seconds until the next attempt, where one is planned."""
    cause: str | None
    """Why the link was last lost: `kind: detail`; None if it never was."""
    user: str | None
    """Who the server says we are; None while anonymous or not connected."""
