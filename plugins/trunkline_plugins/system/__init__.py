"""Built-in plugin `system`: the host's notices and the server's replies, as classes and counts.

The topic `system` itself is the host's, so that no switch can take it away.
"""

from trunkline_plugins.system.overview import SystemOverview
from trunkline_plugins.system.plugin import trunkline_run
from trunkline_plugins.system.types import (
    SYSTEM_EVENTS,
    Authenticated,
    AuthError,
    BackfillDone,
    BackfillFailed,
    CommandAck,
    CommandError,
    ConnectionStateChange,
    Handshake,
    MessageUnclassified,
    PluginStateChange,
    SubscriptionAck,
    SubscriptionError,
    TopicRefused,
    User,
)

__all__ = [
    "SYSTEM_EVENTS",
    "AuthError",
    "Authenticated",
    "BackfillDone",
    "BackfillFailed",
    "CommandAck",
    "CommandError",
    "ConnectionStateChange",
    "Handshake",
    "MessageUnclassified",
    "PluginStateChange",
    "SubscriptionAck",
    "SubscriptionError",
    "SystemOverview",
    "TopicRefused",
    "User",
    "trunkline_run",
]
