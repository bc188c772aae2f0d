"""Signals before and after a host handles them itself: always a clean end, never a killed process."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EARLY_LIMIT = 15.0  # s for a plugin that is being imported, as a running one has by default


@contextmanager
def ending_alike() -> Iterator[None]:
    """Let SIGTERM end the body as Ctrl-C does; where that is ignored, it is left as it was."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is _interrupt:
            signal.signal(signal.SIGTERM, before)


def stopping_early(hurry: Callable[[float], None]) -> Callable[[], None]:
    """End the program with exit 0 at a signal: nothing has begun that needs an orderly stop.

    `SystemExit` would be taken for a plugin's that is just being imported, and contained. One that
    swallows whatever is raised is ended by `hurry`, which is told within how many seconds. What is
    returned raises again, for the time when it has been imported after all.
    """
    count = 0

    def leave(_number: int, _frame: FrameType | None) -> NoReturn:
        nonlocal count
        count += 1
        hurry(EARLY_LIMIT if count == 1 else 0.0)
        raise KeyboardInterrupt

    def leave_if_asked() -> None:
        if count:
            raise KeyboardInterrupt

    for number in STOPPING:
        signal.signal(number, leave)
    return leave_if_asked


@contextmanager
def finishing(stop: Callable[[], object]) -> Iterator[None]:
    """Let the body handle signals; one that comes before it does, or after, calls `stop`.

    `stop` is called between any two steps of the body, so it may do no more than set something. It
    is a handler because, unlike SIG_IGN, that is not inherited by processes that are started.
    """
    for number in STOPPING:
        signal.signal(number, lambda _number, _frame: stop())
    try:
        yield
    finally:
        for number in STOPPING:  # Python takes back its handlers while it ends, but not this
            signal.signal(number, signal.SIG_IGN)


def _interrupt(_: int, __: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # whoever handles that knows where it may be raised
