"""Commands that promise an outcome: whoever calls one goes on by its exit code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trunkline.errors import UserError


@contextmanager
def promised(known: Callable[[], str]) -> Iterator[None]:
    """Make an interruption of the body a failure, exit 1, with what `known` says by then.

    A command that is not in it exits 0 after Ctrl-C, and a script that called it goes on.

    Raises:
        UserError: SIGINT or SIGTERM came.
    """
    try:
        yield
    except BaseException as exc:
        if not _is_interruption(exc):
            raise
        raise UserError(f"interrupted: {known()}") from None


def _is_interruption(exc: BaseException) -> bool:
    """Tell whether Ctrl-C came, be it in one of several tasks."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.subgroup(KeyboardInterrupt) is not None
    return isinstance(exc, KeyboardInterrupt)
