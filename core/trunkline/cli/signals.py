"""Signals before and after a host handles them itself: always a clean end, never a killed process."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


def stopping_early() -> None:
    """End the program with exit 0 at a signal: nothing has begun that needs an orderly stop."""
    for number in STOPPING:
        signal.signal(number, _leave)


@contextmanager
def finishing() -> Iterator[None]:
    """Let the body handle signals; one that comes after its stop finds everything done already."""
    for number in STOPPING:
        signal.signal(number, _ignore)
    try:
        yield
    finally:
        for number in STOPPING:  # Python takes back its handlers while it ends, but not this
            signal.signal(number, signal.SIG_IGN)


def _interrupt(_: int, __: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)  # whoever handles that knows where it may be raised


def _leave(_: int, __: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _ignore(_: int, __: FrameType | None) -> None:
    """Do nothing; a handler is not inherited by processes that are started, as SIG_IGN is."""
