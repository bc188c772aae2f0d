"""Every message a client sends (protocol §4) and every direct reply (protocol §5), as classes.

Unknown fields are ignored when structured; whoever wants them reads the raw message, which is
what travels on. An unknown type is not a reply and goes on to be routed.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs

from trunkline.strict import structure

# The fields that the server echoes may hold any JSON value (protocol §5).
Echo = Any


@attrs.frozen(kw_only=True)
class Authenticate:
    """Present a token: a JWT or an API key. Reply: `Authenticated` or `AuthError`."""

    type: ClassVar = "authenticate"
    token: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Subscribe:
    """Narrow what the server sends to this topic and those named before."""

    type: ClassVar = "subscribe"
    topic: str


@attrs.frozen(kw_only=True)
class Unsubscribe:
    """Take a topic back; taking back the last one widens delivery to everything."""

    type: ClassVar = "unsubscribe"
    topic: str


@attrs.frozen(kw_only=True)
class Activity:
    """What somebody did; never answered (protocol §8).

    `timestamp` is a plain integer of milliseconds and `metadata` an object: anything else ends
    the session.
    """

    type: ClassVar = "activity"
    event: str
    timestamp: int
    metadata: dict[str, Any] = attrs.Factory(dict)
    path: str | None = None
    referrer: str | None = None
    action: str | None = None
    conversion_event: str | None = None
    value: float | None = None
    visitor_id: str | None = None
    device: dict[str, Any] | None = None
    attribution: dict[str, Any] | None = None


@attrs.frozen(kw_only=True)
class Command:
    """Act on an execution: `stop` and `send_message` are what agents know (protocol §9)."""

    type: ClassVar = "command"
    command: str
    execution_id: str
    payload: Any = None
    message: Any = None


@attrs.frozen
class Ping:
    """Asks for a pong; either side may."""

    type: ClassVar = "ping"


@attrs.frozen
class Pong:
    """Answers a ping, and resets the server's idle timer."""

    type: ClassVar = "pong"


@attrs.frozen
class Handshake:
    """The server's first words."""

    type: ClassVar = "handshake"
    session_id: str
    authenticated: bool
    message: str = ""


@attrs.frozen
class User:
    """Who the server says we are."""

    id: str
    username: str
    email: str | None = None


@attrs.frozen
class Authenticated:
    """The token was taken."""

    type: ClassVar = "authenticated"
    user: User


@attrs.frozen
class AuthError:
    """The token was refused, or the server's database is down: no proof of a bad token."""

    type: ClassVar = "auth_error"
    error: str


@attrs.frozen
class SubscriptionAck:
    """The set of topics was changed; `topics` is the whole set afterwards."""

    type: ClassVar = "subscription_ack"
    action: str
    topics: tuple[str, ...]
    topic: Echo = None


@attrs.frozen
class SubscriptionError:
    """The set of topics was not changed."""

    type: ClassVar = "subscription_error"
    error: str
    topic: Echo = None


@attrs.frozen
class CommandAck:
    """The command was taken: `stopped`, `not_running`, `command_sent`, `command_not_sent`."""

    type: ClassVar = "command_ack"
    command: str
    status: str
    execution_id: Echo = None
    execution_status: str | None = None


@attrs.frozen
class CommandError:
    """The command was refused: `unauthorized` or `failed`."""

    type: ClassVar = "command_error"
    error: str
    execution_id: Echo = None


ClientMessage = Authenticate | Subscribe | Unsubscribe | Activity | Command | Ping | Pong
Reply = (
    Handshake
    | Authenticated
    | AuthError
    | SubscriptionAck
    | SubscriptionError
    | CommandAck
    | CommandError
    | Ping
    | Pong
)

#: {type: class} of what a client sends
CLIENT_MESSAGES: Mapping[str, type[ClientMessage]] = {
    cls.type: cls for cls in (Authenticate, Subscribe, Unsubscribe, Activity, Command, Ping, Pong)
}
#: {type: class} of what the server says to one socket alone; `ping` is its own question
REPLIES: Mapping[str, type[Reply]] = {
    cls.type: cls
    for cls in (
        Handshake,
        Authenticated,
        AuthError,
        SubscriptionAck,
        SubscriptionError,
        CommandAck,
        CommandError,
        Ping,
        Pong,
    )
}


def is_reply(message: Mapping[str, Any]) -> bool:
    """Tell whether a message is what the server says to one socket alone."""
    kind = message.get("type")
    return isinstance(kind, str) and kind in REPLIES


def parse_reply(message: Mapping[str, Any]) -> Reply:
    """Structure a message that `is_reply`.

    Raises:
        InvalidData: a field is missing or of the wrong kind.
    """
    return structure(message, REPLIES[message["type"]])


def unstructure(message: ClientMessage | Reply) -> dict[str, Any]:
    """Return the message as the wire has it: `type` first, absent options left out."""
    fields = attrs.asdict(message, filter=lambda _, value: value is not None)
    return {"type": message.type, **fields}
