"""Ends the process where an orderly stop cannot: nothing in Python interrupts a thread.

Only for a program that owns its process. What is on disk survives it, as it survives `kill -9`.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

GRACE = 0.5  # s beyond the time that a stop has; it may end in its last moment


class LastResort:
    """A deadline for the whole process, watched by a thread."""

    def __init__(self, still_running: Callable[[], Sequence[str]]) -> None:
        """Prepare; `still_running` names the plugins that hold it up."""
        self._still_running = still_running
        self._timer: threading.Timer | None = None

    def arm(self, seconds: float) -> None:
        """Let the process end within `seconds` and a little; a later call counts instead."""
        self.disarm()
        self._timer = threading.Timer(seconds + GRACE, self._end)
        self._timer.daemon = True
        self._timer.start()

    def disarm(self) -> None:
        """Everything has ended by itself."""
        if self._timer is not None:
            self._timer.cancel()

    def _end(self) -> None:
        names = ", ".join(self._still_running()) or "none"
        logger.critical("host.stuck", extra={"plugin": names, "reason": "ended by force"})
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(1)
