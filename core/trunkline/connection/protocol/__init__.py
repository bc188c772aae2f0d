"""The wire vocabulary of Preloop's unified endpoint; pure.

The one package to replace for another server. It knows no clock, task or socket. What the server
pushes is structured by the plugin that owns the topic; here are the messages a client sends and
the direct replies (protocol §4, §5).
"""

from trunkline.connection.protocol.activity import encode_activity
from trunkline.connection.protocol.codec import (
    MAX_MESSAGE_BYTES,
    NotJson,
    decode,
    encode,
    read_json,
)
from trunkline.connection.protocol.messages import (
    CLIENT_MESSAGES,
    REPLIES,
    Activity,
    Authenticate,
    Authenticated,
    AuthError,
    Command,
    CommandAck,
    CommandError,
    Handshake,
    Ping,
    Pong,
    Subscribe,
    SubscriptionAck,
    SubscriptionError,
    Unsubscribe,
    User,
    is_reply,
    parse_reply,
    unstructure,
)
from trunkline.connection.protocol.replies import Expected, ReplyQueue, expected_reply, refusal
from trunkline.connection.protocol.topics import SERVER_TOPICS, fallback_rules

__all__ = [
    "CLIENT_MESSAGES",
    "MAX_MESSAGE_BYTES",
    "REPLIES",
    "SERVER_TOPICS",
    "Activity",
    "AuthError",
    "Authenticate",
    "Authenticated",
    "Command",
    "CommandAck",
    "CommandError",
    "Expected",
    "Handshake",
    "NotJson",
    "Ping",
    "Pong",
    "ReplyQueue",
    "Subscribe",
    "SubscriptionAck",
    "SubscriptionError",
    "Unsubscribe",
    "User",
    "decode",
    "encode",
    "encode_activity",
    "expected_reply",
    "fallback_rules",
    "is_reply",
    "parse_reply",
    "read_json",
    "refusal",
    "unstructure",
]
