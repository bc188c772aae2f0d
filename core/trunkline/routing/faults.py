"""What goes wrong with code that is not ours: counted for its owner, logged without a flood.

Of each kind of trouble the first is logged, a failure with its traceback, and then one line a
minute with the count (P16).
"""

import logging
from collections import Counter
from collections.abc import Callable

from trunkline.events import Gap
from trunkline.routing.statistics import NAMES, OTHER

logger = logging.getLogger(__name__)

QUIET = 60.0  # s between two lines about the same thing

#: What foreign code may raise without ending the host (B8); `Cancelled` is not among them.
CONTAINED = (Exception, SystemExit)


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
        count = self._due("handler.failed", owner, subscription)
        if count:
            logger.warning(
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
        count = self._due("rule.failed", name)
        if count:
            logger.warning(
                "rule.failed",
                extra={"plugin": name, "error": type(exc).__name__, "count": count},
                exc_info=exc if count == 1 else None,
            )

    def unheard(self, owner: str, gap: Gap) -> None:
        """Tell of a gap in a subscription that has no `on_gap`."""
        count = self._due("subscription.gap", owner, gap.topic)
        if count:
            logger.warning(
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
        count = self._due("subscription.slow", owner, topic)
        if count:
            logger.warning(
                "subscription.slow",
                extra={"plugin": owner, "subscription": topic, "count": count},
            )

    def _due(self, *key: str) -> int:
        """Count `key`; return the count if it is time for a line about it, else 0."""
        if key not in self._seen and len(self._seen) >= NAMES:
            key = (key[0], OTHER)
        self._seen[key] += 1
        now = self._clock()
        if now < self._next_line.get(key, now):
            return 0
        self._next_line[key] = now + QUIET
        return self._seen[key]
