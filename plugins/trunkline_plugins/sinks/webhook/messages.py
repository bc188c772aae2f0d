"""What a webhook says: one request for a batch, or one sentence for each event; pure."""

import hashlib
from collections.abc import Iterator, Sequence

import attrs
import orjson

from trunkline import Event, Gap
from trunkline_plugins.sinks.encoding import id_of
from trunkline_plugins.text import printable

TEXT_LENGTH = 2000  # characters; more is no notice


@attrs.frozen
class Message:
    """One request."""

    id: str
    """The same whenever the same batch is sent, also by another process."""
    body: bytes


def array(items: Sequence[Event | Gap], lines: Sequence[str]) -> Message:
    """Return a batch as a JSON array; `lines` are its items as JSON."""
    return Message(_joint_id(items), f"[{','.join(lines)}]".encode())


def sentence(item: Event | Gap) -> Message:
    """Return an item in the form that chat services take."""
    return Message(_joint_id([item]), orjson.dumps({"text": _text(item)}))


def _joint_id(items: Sequence[Event | Gap]) -> str:
    ids = "\n".join(id_of(item) for item in items)
    return "msg_" + hashlib.sha256(ids.encode()).hexdigest()[:32]


def _text(item: Event | Gap) -> str:
    """Return what the event says of itself (`text`), or topic, type and its plain fields."""
    if isinstance(item, Gap):
        return f"{item.topic}: events may be missing since {item.since:%H:%M:%S} ({item.cause})"
    told = item.get("text")
    if isinstance(told, str):
        lines = (printable(each, TEXT_LENGTH) for each in told.splitlines())
        return "\n".join(lines)[:TEXT_LENGTH]
    return printable(f"{item.topic} {item.type}: {', '.join(_fields(item))}", TEXT_LENGTH)


def _fields(event: Event) -> Iterator[str]:
    for key, value in event.data.items():
        if isinstance(value, str | int | float) and key not in {"type", "topic"}:
            yield f"{key} {value}"
