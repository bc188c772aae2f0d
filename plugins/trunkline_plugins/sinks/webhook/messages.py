"""What a webhook says: one request for a batch, or one sentence for each event; pure."""

import hashlib
from collections.abc import Iterator, Sequence

import attrs
import orjson

from trunkline import Event
from trunkline_plugins.text import printable

TEXT_LENGTH = 2000  # characters; more is no notice


@attrs.frozen
class Message:
    """One request."""

    id: str
    """The same whenever the same batch is sent, also by another process."""
    body: bytes


def array(events: Sequence[Event], lines: Sequence[str]) -> Message:
    """Return a batch as a JSON array; `lines` are its events as JSON."""
    return Message(_joint_id(events), f"[{','.join(lines)}]".encode())


def sentence(event: Event) -> Message:
    """Return an event in the form that chat services take."""
    return Message(_joint_id([event]), orjson.dumps({"text": _text(event)}))


def _joint_id(events: Sequence[Event]) -> str:
    ids = "\n".join(event.id for event in events)
    return "msg_" + hashlib.sha256(ids.encode()).hexdigest()[:32]


def _text(event: Event) -> str:
    """Return what the event says of itself (`text`), or topic, type and its plain fields."""
    told = event.get("text")
    if isinstance(told, str):
        lines = (printable(each, TEXT_LENGTH) for each in told.splitlines())
        return "\n".join(lines)[:TEXT_LENGTH]
    return printable(f"{event.topic} {event.type}: {', '.join(_fields(event))}", TEXT_LENGTH)


def _fields(event: Event) -> Iterator[str]:
    for key, value in event.data.items():
        if isinstance(value, str | int | float) and key not in {"type", "topic"}:
            yield f"{key} {value}"
