"""What is promised, and the limits of everything, as the code holds them."""

from collections.abc import Iterator

import attrs

from trunkline.activity import inbox, record
from trunkline.config import load, settings, sources
from trunkline.connection import sending
from trunkline.plugin import backfill, lease
from trunkline.routing import queued
from trunkline.simulator.ledger import PROMISES
from trunkline.transport import guard, http, transport


def size(count: int) -> str:
    """Write bytes as people do."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024 or unit == "MiB":
            return f"{count} {unit}"
        count //= 1024
    raise AssertionError


#: (what is limited, to how much, what happens beyond it)
LIMITS = (
    (
        "a message of the server's",
        f"`max_message_bytes`, {size(attrs.fields(settings.ConnectionSettings).max_message_bytes.default)}",
        "the link is closed with 1009 and won back; the gap says `too_large`",
    ),
    (
        "an unfinished message",
        f"{guard.ASSEMBLY_LIMIT:g} s; twice the limit and {size(guard.SLACK)}",
        "closed with 1008, as above",
    ),
    ("the answer to the upgrade", size(guard.HEAD_LIMIT), "the attempt has failed: `protocol`"),
    (
        "what has arrived and is not decoded",
        f"{transport.INBOX_ITEMS} batches, {size(transport.INBOX_BYTES)}",
        "nothing is read from the socket until there is room; the server feels it",
    ),
    (
        "a subscription's mailbox",
        f"`buffer`, 256 events; {size(queued.MAILBOX_BYTES)}",
        "the oldest are dropped and leave a gap with their number, or it ends: `SlowConsumer`",
    ),
    ("one event in a handler", f"{queued.HANDLER_LIMIT:g} s", "cancelled and counted as an error"),
    (
        "messages waiting to be sent",
        f"{sending.QUEUE_MESSAGES} messages, {size(sending.QUEUE_BYTES)}",
        "`OutboxFull`",
    ),
    ("a record of activity", size(record.RECORD_BYTES), "cut, and says what was cut"),
    (
        "records that are not staged yet",
        f"{inbox.INBOX_RECORDS} records, {size(inbox.INBOX_BYTES)}",
        "the call returns and the record is counted as dropped",
    ),
    (
        "a back-fill",
        f"{backfill.LIMIT:g} s, {backfill.AT_ONCE} at a time, {backfill.WAITING} more waiting",
        "`backfill.failed`; live events never wait for it",
    ),
    ("an event that a plugin publishes", size(lease.PUBLISH_LIMIT), "that call raises"),
    ("an answer of the server's HTTP interface", size(http.ANSWER_LIMIT), "`OutcomeUnknown`"),
    ("the configuration", size(load.FILE_LIMIT), "exit 78"),
    ("a secret's file", size(sources.SECRET_LIMIT), "exit 78"),
)


def promises() -> Iterator[str]:
    """One row for each boundary, from the list that the judge of the tests holds to."""
    yield "| | boundary | guarantee | must be zero |"
    yield "| --- | --- | --- | --- |"
    for promise in PROMISES:
        zero = promise.must_be_zero + ("" if promise.is_judged else " (by tests of their own)")
        yield f"| {promise.name} | {promise.boundary} | {promise.guarantee} | {zero} |"


def limits() -> Iterator[str]:
    """One row for each limit: what it holds in, and what happens beyond it."""
    yield "| limit | value | beyond it |"
    yield "| --- | --- | --- |"
    for what, value, beyond in LIMITS:
        yield f"| {what} | {value} | {beyond} |"
