"""Calls that recorded nothing: counted by reason, told once, never raised into the application."""

import logging
import sys
from collections import Counter

logger = logging.getLogger(__name__)

CALL_SITES = 1000  # that are remembered, so that each is told of once
_PACKAGE = "trunkline."


class Refusals:
    """What one tracker refused."""

    def __init__(self, *, strict: bool) -> None:
        """With `strict` a wrong argument raises."""
        self._strict = strict
        self._told: set[tuple[str, int]] = set()  # call sites
        self.counts: Counter[str] = Counter()
        """{reason: calls}"""

    def refuse(self, reason: str, text: str) -> None:
        """Count a call; log the first for its reason."""
        self.counts[reason] += 1
        if self.counts[reason] == 1:
            logger.warning("activity.refused", extra={"reason": reason, "error": text})

    def invalid(self, kind: str, exc: Exception) -> None:
        """Count a wrong argument; log it once for each place that it comes from.

        Raises:
            ValueError: the tracker is strict.
        """
        self.counts["invalid"] += 1
        if self._strict:
            raise ValueError(
                f"{kind}: {exc}; a name, path, referrer or subject is text, metadata a mapping"
            ) from exc
        site = _call_site()
        if site in self._told or len(self._told) >= CALL_SITES:
            return
        self._told.add(site)
        about = {"reason": "invalid", "error": type(exc).__name__, "source": f"{site[0]}:{site[1]}"}
        logger.warning("activity.refused", extra=about)


def _call_site() -> tuple[str, int]:
    """Return file and line of the first caller outside this package."""
    frame = sys._getframe(1)  # noqa: SLF001 - as `warnings` does it; there is no other way
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
