"""Messages that are not routed: counted by reason, told once a minute, never shown."""

import logging
from collections import Counter

import trio

logger = logging.getLogger(__name__)

QUIET = 60.0  # s between two lines about the same reason
#: Expected at every connect: broadcasts may come before the greeting (protocol §3).
UNTOLD = frozenset({"before_ready"})


class Drops:
    """The tally of one connection; it outlasts its sockets, so that a reconnect tells nothing twice."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  # {reason: messages}
        self._next_line: dict[str, float] = {}  # {reason: on Trio's clock}

    def drop(self, reason: str, error: str = "") -> None:
        """Count a message for one of our own reasons; `error` says where it is wrong, with no value."""
        self.counts[reason] += 1
        if reason in UNTOLD:
            return
        now = trio.current_time()
        if now >= self._next_line.get(reason, now):
            self._next_line[reason] = now + QUIET
            about = {"reason": reason, "error": error, "count": self.counts[reason]}
            logger.warning("message.dropped", extra=about)
