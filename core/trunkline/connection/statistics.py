"""What a connection counts: a tally that is written to, and the snapshot others read."""

from collections import Counter
from collections.abc import Mapping

import attrs


@attrs.define
class Tally:
    """The running figures of one connection."""

    connect_count: int = 0
    """How often it became connected."""
    disconnects: Counter[str] = attrs.Factory(Counter)
    """{cause: times the link was lost or could not be had}"""
    received_count: int = 0
    sent_count: int = 0
    last_event: float | None = None
    """When an event last came, as wall time; None before that."""


@attrs.frozen
class ConnectionStatistics:
    """A snapshot of the tally, and of the queue behind it."""

    connect_count: int
    disconnects: Mapping[str, int]
    received_count: int
    sent_count: int
    dropped: Mapping[str, int]
    heartbeat_rtt: float | None
    """Seconds from the last heartbeat to its answer."""
    last_event_age: float | None
    """Seconds since an event came, which the server's replies are not; None before that."""
    send_queue_count: int
    gaps: Mapping[str, int]
    """{cause: times that events may have been lost}"""
    mailbox_used: float
    """The fullest of inbox, send queue and mailboxes of subscriptions, as a share of its bound."""
