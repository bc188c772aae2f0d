"""What goes wrong with code that is not ours: counted for its owner, logged without a flood.

Of each kind of trouble the first is logged, a failure with its traceback, and then one line a
minute with the count (P16). What comes between is told at DEBUG.
"""

import logging
from collections import Counter
from collections.abc import Callable

from trunkline.events import Gap
from trunkline.routing.statistics import NAMES, OTHER

logger = logging.getLogger(__name__)

QUIET = 60.0  # s between two lines about the same thing


class Faults:
    """The tally of one router."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Measure the minute with `clock`, in seconds that only grow."""
        self._clock = clock
        self.counts: Counter[str] = Counter()  # {owner: failures}
        self._seen: Counter[tuple[str, ...]] = Counter()  # {(log event, owner, topic): times}
        self._next_line: dict[tuple[str, ...], float] = {}

    def failed(self, owner: str, subscription: str, exc: BaseException) -> None:
        """Count what a callback or a condition of `owner` raised."""
        self.counts[owner] += 1
        level, count = self._due("handler.failed", owner, subscription)
        logger.log(
            level,
            "handler.failed",
            extra={
                "plugin": owner,
                "subscription": subscription,
                "error": type(exc).__name__,
                "count": count,
            },
            exc_info=exc if count == 1 else None,
        )

    def rule_failed(self, name: str, exc: BaseException) -> None:
        """Tell what a filter or a classifier raised; `name` is `plugin.name`."""
        level, count = self._due("rule.failed", name)
        logger.log(
            level,
            "rule.failed",
            extra={"plugin": name, "error": type(exc).__name__, "count": count},
            exc_info=exc if count == 1 else None,
        )

    def unheard(self, owner: str, gap: Gap) -> None:
        """Tell of a gap in a subscription that has no `on_gap`."""
        level, count = self._due("subscription.gap", owner, gap.topic)
        logger.log(
            level,
            "subscription.gap",
            extra={
                "plugin": owner,
                "subscription": gap.topic,
                "cause": gap.cause,
                "dropped": gap.dropped,
                "epoch": gap.epoch,
                "count": count,
            },
        )

    def too_slow(self, owner: str, topic: str) -> None:
        """Tell of a subscription whose mailbox was full."""
        level, count = self._due("subscription.slow", owner, topic)
        about = {"plugin": owner, "subscription": topic, "count": count}
        logger.log(level, "subscription.slow", extra=about)

    def _due(self, *key: str) -> tuple[int, int]:
        """Count `key`; return at which level it is worth a line now, and the count."""
        if key not in self._seen and len(self._seen) >= NAMES:
            key = (key[0], OTHER)
        self._seen[key] += 1
        now = self._clock()
        if now < self._next_line.get(key, now):
            return logging.DEBUG, self._seen[key]
        self._next_line[key] = now + QUIET
        return logging.WARNING, self._seen[key]
