"""The events of topic `system` as classes: what the server says to this socket alone (protocol
§5), and what the host says about itself.

`event.as_(AuthError)` gives the typed view; `SYSTEM_EVENTS[event.type]` names the class.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

# A field that the server echoes may hold any JSON value.
Echo = Any


@attrs.frozen(kw_only=True)
class Handshake:
    """The server's first words in each epoch."""

    type: ClassVar[str] = "handshake"
    session_id: str
    authenticated: bool
    message: str = ""


@attrs.frozen(kw_only=True)
class User:
    """Who the server says we are."""

    id: str
    username: str
    email: str | None = None


@attrs.frozen(kw_only=True)
class Authenticated:
    """The token was taken."""

    type: ClassVar[str] = "authenticated"
    user: User


@attrs.frozen(kw_only=True)
class AuthError:
    """The token was refused, or the server's database is down: no proof of a bad token."""

    type: ClassVar[str] = "auth_error"
    error: str


@attrs.frozen(kw_only=True)
class SubscriptionAck:
    """What the server sends was narrowed; `topics` is the whole set."""

    type: ClassVar[str] = "subscription_ack"
    action: str
    topics: tuple[str, ...]
    topic: Echo = None


@attrs.frozen(kw_only=True)
class SubscriptionError:
    """The server does not know the topic."""

    type: ClassVar[str] = "subscription_error"
    error: str
    topic: Echo = None


@attrs.frozen(kw_only=True)
class CommandAck:
    """A command was taken: `stopped`, `not_running`, `command_sent` or `command_not_sent`."""

    type: ClassVar[str] = "command_ack"
    command: str
    status: str
    execution_id: Echo = None
    execution_status: str | None = None
    """How the execution had ended, where it was not running."""


@attrs.frozen(kw_only=True)
class CommandError:
    """A command was refused: `unauthorized` or `failed`."""

    type: ClassVar[str] = "command_error"
    error: str
    execution_id: Echo = None


@attrs.frozen(kw_only=True)
class ConnectionStateChange:
    """The connection has moved; whoever subscribes late gets the last one first."""

    type: ClassVar[str] = "connection.state"
    old: str
    new: str
    cause: str
    epoch: int
    attempt: int
    retry_in: float | None = None
    """Seconds until the next attempt, where one is planned."""


@attrs.frozen(kw_only=True)
class PluginStateChange:
    """A plugin has moved; whoever subscribes late gets the last one of each first."""

    type: ClassVar[str] = "plugin.state"
    plugin: str
    old: str
    new: str
    phase: str
    reason: str = ""
    retry_at: datetime | None = None


@attrs.frozen(kw_only=True)
class TopicRefused:
    """A topic of `[connection] topics` that the server does not know."""

    type: ClassVar[str] = "topic.refused"
    topic: Echo = None
    reason: str = ""


@attrs.frozen(kw_only=True)
class MessageUnclassified:
    """A message that belongs to no topic; announced once for each type."""

    type: str | None = None
    """The message's own; None where it had none."""
    keys: tuple[str, ...] = ()
    """The names of its fields, for whoever has to guess what it is."""


@attrs.frozen(kw_only=True)
class BackfillDone:
    """A plugin fetched what a gap had swallowed of a topic."""

    type: ClassVar[str] = "backfill.done"
    topic: str
    plugin: str
    epoch: int
    count: int
    """Messages; some may have come live, too."""


@attrs.frozen(kw_only=True)
class BackfillFailed:
    """A plugin could not fetch it: what a gap has swallowed of the topic is missing."""

    type: ClassVar[str] = "backfill.failed"
    topic: str
    plugin: str
    epoch: int
    reason: str


#: {type: its class}
SYSTEM_EVENTS: Mapping[str, type[attrs.AttrsInstance]] = {
    "message.unclassified": MessageUnclassified,
} | {
    cls.type: cls
    for cls in (
        Handshake,
        Authenticated,
        AuthError,
        SubscriptionAck,
        SubscriptionError,
        CommandAck,
        CommandError,
        ConnectionStateChange,
        PluginStateChange,
        TopicRefused,
        BackfillDone,
        BackfillFailed,
    )
}
