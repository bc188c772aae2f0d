"""What becomes of a record in the stages: it passed, or it was dropped, and where."""

from typing import NamedTuple


class Staged(NamedTuple):
    """A record that passed, as the outbox takes it."""

    id: str
    kind: str
    wall_time: float
    subject: str | None
    data: bytes
    """Its fields, as JSON."""


class Dropped(NamedTuple):
    """A record that did not pass."""

    where: str
    """`consent`, `before_send` or `stages`."""
    reason: str
    error: BaseException | None = None
    """What was raised; only its class may be told, for its text may hold the record."""
