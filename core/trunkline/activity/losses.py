"""What was dropped, counted by where and why, and told now and then: never one line a record."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

INTERVAL = 10.0  # s between two lines for one reason


class Losses:
    """Counts of one host; used in its worker and in its loop, one at a time for each reason."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str], float] = {}  # {(where, reason): when}
        self._untold: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.counts: dict[str, dict[str, int]] = {}
        """{where: {reason: records}}"""

    def add(
        self, where: str, reason: str, count: int = 1, error: BaseException | None = None
    ) -> None:
        """Count records that went no further; of an `error` only the class is told."""
        by_reason = self.counts.setdefault(where, {})
        by_reason[reason] = by_reason.get(reason, 0) + count
        if untold := self._due((where, reason), count):
            about = {"source": where, "reason": reason, "count": untold}
            if error is not None:
                about["error"] = type(error).__name__
            logger.warning("activity.dropped", extra=about)

    def overflowed(self, gone: Mapping[str, int]) -> None:
        """Tell of events that a full outbox gave up, `{type: events}`; the sinks' tallies have them."""
        for kind, count in gone.items():
            if untold := self._due(("outbox", kind), count):
                logger.warning("outbox.full", extra={"type": kind, "dropped": untold})

    def _due(self, key: tuple[str, str], count: int) -> int:
        """Return how many to tell of now; 0 while the last line is too young."""
        self._untold[key] += count
        now = self._clock()
        if now - self._told.get(key, -INTERVAL) < INTERVAL:
            return 0
        self._told[key] = now
        return self._untold.pop(key)

    def total(self) -> int:
        """Return how many there were."""
        return sum(sum(by_reason.values()) for by_reason in self.counts.values())
