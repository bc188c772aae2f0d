"""No descriptors left: said once a minute, where Trio would say it ten times a second.

The door cannot be opened then; the connection has its descriptor already, and lives on.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)
trios = logging.getLogger("trio.serve_listeners")  # tells of each failed accept, with a traceback

QUIET = 60.0  # s between two lines


class _Quieter(logging.Filter):
    def __init__(self) -> None:
        super().__init__()
        self._next_line = 0.0
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Let nothing of Trio's pass; say it in our way instead."""
        self._count += 1
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + QUIET
            logger.error("host.no_descriptors", extra={"count": self._count})
        return False


@contextmanager
def quiet_exhaustion() -> Iterator[None]:
    """Say it our way for the scope."""
    quieter = _Quieter()
    trios.addFilter(quieter)
    try:
        yield
    finally:
        trios.removeFilter(quieter)
