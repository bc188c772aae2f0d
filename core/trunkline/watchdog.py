"""Reports an event loop that stands still: a handler that blocks holds up the whole process.

It cannot be cured from outside, so it is said, with the stack that names the culprit (plugins
P17). A thread watches; the loop itself only notes when it waits for I/O and when it goes on.
"""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import trio

logger = logging.getLogger(__name__)

LIMIT = 2.0  # s without coming back to wait for I/O
LOOK = 0.5  # s between two looks
STACK_LINES = 12  # of the innermost frames


class _Pulse(trio.abc.Instrument):
    """Notes since when the loop has been at work; None while it waits."""

    def __init__(self) -> None:
        self.busy_since: float | None = None

    def before_io_wait(self, timeout: float) -> None:
        """The loop has nothing to do for so long."""
        self.busy_since = None

    def after_io_wait(self, timeout: float) -> None:
        """The loop goes on."""
        self.busy_since = time.monotonic()


def _nobody(_: str) -> str:
    """Know no plugin."""
    return ""


@contextmanager
def watched(
    *,
    limit: float = LIMIT,
    look: float = LOOK,
    owner_of: Callable[[str], str] = _nobody,
) -> Iterator[None]:
    """Watch the present event loop for the scope, from a thread that ends with it.

    `owner_of` returns the plugin to which a module belongs, by the module's name, or nothing.
    """
    pulse = _Pulse()
    ended = threading.Event()
    loop_thread = threading.get_ident()
    thread = threading.Thread(
        target=_watch,
        args=(pulse, ended, loop_thread, limit, look, owner_of),
        name="trunkline watchdog",
        daemon=True,
    )
    trio.lowlevel.add_instrument(pulse)
    thread.start()
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(pulse)
        ended.set()
        thread.join()


def _watch(
    pulse: _Pulse,
    ended: threading.Event,
    loop_thread: int,
    limit: float,
    look: float,
    owner_of: Callable[[str], str],
) -> None:
    reported: float | None = None  # the `busy_since` that was reported
    while not ended.wait(look):
        since = pulse.busy_since
        if reported is not None and since != reported:
            logger.warning(
                "host.unblocked", extra={"seconds": round(time.monotonic() - reported, 1)}
            )
            reported = None
        if since is None or since == reported or time.monotonic() - since < limit:
            continue
        reported = since
        frame = sys._current_frames().get(loop_thread)  # noqa: SLF001 - documented, for just this
        stack = traceback.format_stack(frame)[-STACK_LINES:] if frame is not None else []
        about = {"seconds": round(time.monotonic() - since, 1), "stack": "".join(stack)}
        logger.error("host.blocked", extra={**about, "plugin": _culprit(frame, owner_of)})


def _culprit(frame: FrameType | None, owner_of: Callable[[str], str]) -> str:
    """Return the plugin whose code is innermost, however deep in a library it has gone."""
    while frame is not None:
        owner = owner_of(str(frame.f_globals.get("__name__", "")))
        if owner:
            return owner
        frame = frame.f_back
    return ""
