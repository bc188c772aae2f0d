"""Ends the process where an orderly stop cannot: nothing in Python interrupts a thread.

Only for a program that owns its process. What is on disk survives it, as it survives `kill -9`.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

GRACE = 0.5  # s beyond the time that a stop has; it may end in its last moment
THREAD_GRACE = 5.0  # s that threads of plugins have once all is said; Python itself waits for ever


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


def leave_threads_behind(code: int) -> None:
    """Let the process end with `code` soon after its main thread, whatever threads plugins keep."""
    if _stragglers():
        threading.Thread(target=_leave, args=(code,), daemon=True).start()


def _stragglers() -> list[str]:
    """Return the names of the threads, besides the main one, that Python waits for at its end."""
    own = threading.main_thread()
    return [each.name for each in threading.enumerate() if not each.daemon and each is not own]


def _leave(code: int) -> None:
    threading.main_thread().join()
    time.sleep(THREAD_GRACE)
    names = ", ".join(_stragglers())
    print(f"trunkline: ended without waiting for the thread {names}", file=sys.stderr, flush=True)
    os._exit(code)
