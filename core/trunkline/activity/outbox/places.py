"""Where each sink stands: its cursor, what waits for it, what became of the rest."""

from collections import Counter
from collections.abc import Iterable

import attrs

from trunkline.activity.record import TOPIC
from trunkline.config import EVERY_TOPIC


@attrs.frozen
class SinkKey:
    """A sink as the store knows it."""

    name: str
    """Its full name, `plugin.sink`: whoever renames it gets a new cursor."""
    owner: str
    """The plugin it belongs to."""
    topics: tuple[str, ...]

    @property
    def stored_topics(self) -> tuple[str, ...]:
        """The topics of the rows it gets; a gap of every topic concerns whoever takes inbound ones."""
        takes_inbound = any(topic != TOPIC for topic in self.topics)
        return (*self.topics, EVERY_TOPIC) if takes_inbound else self.topics


@attrs.define
class Place:
    """One sink's place in the outbox."""

    key: SinkKey
    cursor: int = 0
    """Everything up to this number is settled."""
    suspect: int = 0
    """The event that failed alone; 0: none."""
    failures: int = 0
    """How often it did."""
    account: str | None = None
    """Whose events it holds, where the sink is the server."""
    waiting: int = 0
    carried: int = 0
    """How many waited when the file was opened."""
    delivered: int = 0
    dead: int = 0
    forgotten: int = 0
    evicted: Counter[str] = attrs.Factory(Counter)
    """{type: events that a full outbox gave up before this sink had them}"""
    letters: int = 0
    """Its dead letters that are in the store now."""

    def take_over(self, old: "Place") -> None:
        """Go on counting where another place of the same sink stopped."""
        self.carried = old.carried
        self.delivered, self.dead, self.forgotten = old.delivered, old.dead, old.forgotten
        self.evicted = old.evicted
        # what was in the damaged part; less than nothing where a command has given some back
        self.evicted["damaged"] += max(0, old.waiting - self.waiting)

    def wants(self, topic: str, only_for: str | None = None) -> bool:
        """Tell whether it gets events of this topic, or the one that is replayed for one sink."""
        if only_for is not None:
            return only_for == self.key.name
        return EVERY_TOPIC in self.key.topics or topic in self.key.stored_topics

    def needs(self, seq: int, topic: str, only_for: str | None = None) -> bool:
        """Tell whether it has still to get this event."""
        return seq > self.cursor and self.wants(topic, only_for)

    def condition(self) -> tuple[str, tuple[str, ...]]:
        """Return the same as SQL, with its parameters."""
        name, topics = self.key.name, self.key.stored_topics
        if EVERY_TOPIC in self.key.topics:
            return "(only_for IS NULL OR only_for IS ?)", (name,)
        marks = ", ".join("?" * len(topics))
        return f"(only_for IS NULL AND topic IN ({marks}) OR only_for IS ?)", (*topics, name)


def inbound_topics(keys: Iterable[SinkKey]) -> tuple[str, ...]:
    """Return the topics other than recorded activity that some sink wants.

    Where one wants every topic, `*` stands alone: each event is stored once.
    """
    wanted = {topic for key in keys for topic in key.topics}
    return (EVERY_TOPIC,) if EVERY_TOPIC in wanted else tuple(sorted(wanted - {TOPIC}))
