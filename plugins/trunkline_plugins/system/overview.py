"""What the `system` topic adds up to: where the connection stands, and the trouble so far."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping

from trunkline import Event, Gap, InvalidData
from trunkline.plugin_api import Undo
from trunkline_plugins.seams import Source
from trunkline_plugins.system.types import Authenticated, ConnectionStateChange
from trunkline_plugins.text import printable

TOPIC = "system"
NAME_LENGTH = 64  # characters of a user's name
DETAIL_LENGTH = 40  # characters of a detail; a line has room for a few
DETAILS_SHOWN = 3  # of each kind, the latest

#: {type: (what its count is called, the field that tells one from another)}
TROUBLES: Mapping[str, tuple[str, str]] = {
    "message.unclassified": ("unclassified types", "type"),
    "auth_error": ("auth errors", "error"),
    "topic.refused": ("topics refused", "topic"),
    "command_error": ("commands refused", "error"),
    "backfill.failed": ("back-fills failed", "topic"),
    "gap": ("gaps", ""),
    "unreadable": ("unreadable", ""),
}


class SystemOverview:
    """Counts trouble and remembers the connection's state; bounded by what it has names for."""

    def __init__(self) -> None:
        self._state = "unknown"
        self._user = ""
        self._counts: Counter[str] = Counter()  # {type: events}
        self._details: defaultdict[str, deque[str]] = defaultdict(  # {type: the latest, distinct}
            lambda: deque(maxlen=DETAILS_SHOWN)
        )

    def follow(self, source: Source) -> Undo:
        """Feed it from a connection or a plugin's context, until undone."""
        return source.subscribe(TOPIC, self.apply, on_gap=self.note_gap)

    def apply(self, event: Event) -> None:
        """Take in an event of topic `system`."""
        if event.type in TROUBLES:
            self._note_trouble(event)
        try:
            if event.type == ConnectionStateChange.type:
                self._state = event.as_(ConnectionStateChange).new
            elif event.type == Authenticated.type:
                self._user = printable(event.as_(Authenticated).user.username, NAME_LENGTH)
        except InvalidData:
            self._counts["unreadable"] += 1

    def _note_trouble(self, event: Event) -> None:
        self._counts[event.type] += 1
        detail = printable(str(event.get(TROUBLES[event.type][1], "")), DETAIL_LENGTH)
        if detail and detail not in self._details[event.type]:
            self._details[event.type].append(detail)

    def note_gap(self, gap: Gap) -> None:
        """Count a place where events may be missing, on this topic as on all others."""
        self._counts["gap"] += 1

    def counts(self) -> Mapping[str, int]:
        """Return `{type: events}` for the trouble so far."""
        return dict(self._counts)

    def summary(self) -> str:
        """Return it in one line: `connected as alice; topics refused: 1 (nope)`."""
        is_known = self._user and self._state == "connected"
        state = f"{self._state} as {self._user}" if is_known else self._state
        return "; ".join((state, *(self._told(kind) for kind in self._counts)))

    def _told(self, kind: str) -> str:
        details = ", ".join(self._details.get(kind, ()))
        text = f"{TROUBLES[kind][0]}: {self._counts[kind]}"
        return f"{text} ({details})" if details else text
