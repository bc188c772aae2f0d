"""What a shop's host may record: the hooks that `[activity]` names."""

import hashlib

import attrs

from trunkline import Event

OPTED_OUT = {"u-13"}  # a real one asks its own records; it runs beside the event loop and may block


def consent(subject: str) -> bool:
    """Say whether this subject may be recorded; asked again before each delivery."""
    return subject not in OPTED_OUT


def scrub(event: Event) -> Event | None:
    """Drop what nobody needs; keep whom a record is about only as a hash."""
    if event.get("path", "").startswith("/health"):
        return None
    subject = event.get("subject")
    if subject is None:
        return event
    hashed = hashlib.sha256(subject.encode()).hexdigest()[:16]
    return attrs.evolve(event, data={**event.data, "subject": hashed})
