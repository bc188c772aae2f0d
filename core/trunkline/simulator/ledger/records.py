"""What is reported of streams, each with its number in the one order of everything."""

from collections import defaultdict
from collections.abc import Iterable

import attrs

from trunkline.config import EVERY_TOPIC

#: What a judge finds: (row, cause, the lines of the shortest history that shows it).
Breach = tuple[str, str, tuple[str, ...]]


@attrs.frozen
class Sent:
    """An event that the server sent."""

    number: int
    id: object
    topic: str

    def __str__(self) -> str:
        return f"{self.number} sent {self.id} ({self.topic})"


@attrs.frozen
class Subscribed:
    """A subscription that began."""

    number: int
    name: str
    topic: str

    def wants(self, topic: str) -> bool:
        """Tell whether events of `topic` are its."""
        return EVERY_TOPIC in {self.topic, topic} or self.topic == topic


@attrs.frozen
class Delivered:
    """An event that a subscriber got."""

    number: int
    id: object
    epoch: int
    topic: str
    origin: str

    def __str__(self) -> str:
        return (
            f"{self.number} delivered {self.id} ({self.topic}, epoch {self.epoch}, {self.origin})"
        )


@attrs.frozen
class GapSeen:
    """A gap that a subscriber got."""

    number: int
    cause: str
    dropped: int

    def __str__(self) -> str:
        return f"{self.number} gap ({self.cause}, {self.dropped} dropped)"


@attrs.frozen
class Ended:
    """A subscription's end."""

    number: int

    def __str__(self) -> str:
        return f"{self.number} ended"


Item = Delivered | GapSeen | Ended


@attrs.define
class Streams:
    """What was sent, and what every subscriber saw."""

    sent: list[Sent] = attrs.Factory(list)
    first_ready: int | None = None
    subscribed: dict[str, Subscribed] = attrs.Factory(dict)
    items: defaultdict[str, list[Item]] = attrs.Factory(lambda: defaultdict(list))


def shown(name: str, entries: Iterable[object], most: int = 8) -> tuple[str, ...]:
    """Return entries as lines, the middle of many left out."""
    lines = [f"{name}: {entry}" for entry in entries]
    if len(lines) > most:
        left_out = len(lines) - most
        lines[most // 2 : -most // 2] = [f"{name}: ... {left_out} more ..."]
    return tuple(lines)
