"""The bounded store between the inbox and the sinks."""

from trunkline.activity.outbox.batch import Batch
from trunkline.activity.outbox.eviction import IN_FILE, IN_MEMORY, Bounds
from trunkline.activity.outbox.failures import OutboxDamaged, OutboxLocked, OutboxUnavailable
from trunkline.activity.outbox.lock import FileLock
from trunkline.activity.outbox.opening import Connect, connected, open_file, open_memory, trouble
from trunkline.activity.outbox.places import Place, SinkKey, inbound_topics
from trunkline.activity.outbox.points import At, nowhere
from trunkline.activity.outbox.register import Register
from trunkline.activity.outbox.rows import Row, activity_row, gap_event, inbound_row
from trunkline.activity.outbox.store import Outbox

__all__ = [
    "IN_FILE",
    "IN_MEMORY",
    "At",
    "Batch",
    "Bounds",
    "Connect",
    "FileLock",
    "Outbox",
    "OutboxDamaged",
    "OutboxLocked",
    "OutboxUnavailable",
    "Place",
    "Register",
    "Row",
    "SinkKey",
    "activity_row",
    "connected",
    "gap_event",
    "inbound_row",
    "inbound_topics",
    "nowhere",
    "open_file",
    "open_memory",
    "trouble",
]
