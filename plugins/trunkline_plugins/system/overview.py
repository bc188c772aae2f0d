"""What the `system` topic adds up to: where the connection stands, and the trouble so far."""

from collections import Counter
from collections.abc import Mapping

from trunkline import Event, Gap, InvalidData
from trunkline.plugin_api import Undo
from trunkline_plugins.seams import Source
from trunkline_plugins.system.types import Authenticated, ConnectionStateChange
from trunkline_plugins.text import printable

TOPIC = "system"
NAME_LENGTH = 64  # characters of a user's name

#: {type: what its count is called}
TROUBLES: Mapping[str, str] = {
    "message.unclassified": "unclassified types",
    "auth_error": "auth errors",
    "topic.refused": "topics refused",
    "command_error": "commands refused",
    "backfill.failed": "back-fills failed",
    "gap": "gaps",
}


class SystemOverview:
    """Counts trouble and remembers the connection's state; bounded by what it has names for."""

    def __init__(self) -> None:
        self._state = "unknown"
        self._user = ""
        self._counts: Counter[str] = Counter()  # {type: events}

    def follow(self, source: Source) -> Undo:
        """Feed it from a connection or a plugin's context, until undone."""
        return source.subscribe(TOPIC, self.apply, on_gap=self.note_gap)

    def apply(self, event: Event) -> None:
        """Take in an event of topic `system`."""
        if event.type in TROUBLES:
            self._counts[event.type] += 1
        try:
            if event.type == ConnectionStateChange.type:
                self._state = event.as_(ConnectionStateChange).new
            elif event.type == Authenticated.type:
                self._user = printable(event.as_(Authenticated).user.username, NAME_LENGTH)
        except InvalidData:
            self._counts["unreadable"] += 1

    def note_gap(self, gap: Gap) -> None:
        """Count a place where events may be missing, on this topic as on all others."""
        self._counts["gap"] += 1

    def counts(self) -> Mapping[str, int]:
        """Return `{type: events}` for the trouble so far."""
        return dict(self._counts)

    def summary(self) -> str:
        """Return it in one line: `connected as alice; auth errors: 1`."""
        is_known = self._user and self._state == "connected"
        state = f"{self._state} as {self._user}" if is_known else self._state
        troubles = [f"{TROUBLES.get(kind, kind)}: {count}" for kind, count in self._counts.items()]
        return "; ".join((state, *troubles))
