"""Errors of code that is not ours, counted for their owner and logged without a flood.

The first error of an owner is logged with its traceback, then one line a minute with the count.
"""

import logging
from collections import Counter
from collections.abc import Callable

import trio

logger = logging.getLogger(__name__)

QUIET = 60.0  # s between two lines about the same owner


class HandlerErrors:
    """The tally of one router."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._next_line: dict[str, float] = {}  # {owner: Trio's time}

    def note(self, owner: str, subscription: str, exc: BaseException) -> None:
        """Count an error and, now and then, log it."""
        self.counts[owner] += 1
        count = self.counts[owner]
        now = trio.current_time()
        if now < self._next_line.get(owner, now):
            return
        self._next_line[owner] = now + QUIET
        logger.error(
            "handler.failed",
            extra={
                "plugin": owner,
                "subscription": subscription,
                "error": type(exc).__name__,
                "count": count,
            },
            exc_info=exc if count == 1 else None,
        )

    def guard(
        self, owner: str, subscription: str, function: Callable[[], object], default: object
    ) -> object:
        """Return what `function` returns, or `default` where it raises."""
        try:
            return function()
        except Exception as exc:  # noqa: BLE001 - counted and logged for its owner
            self.note(owner, subscription, exc)
            return default
