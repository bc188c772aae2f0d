"""Where the stages and the store run: one function at a time, beside the event loop.

In a thread as a rule. In line where nothing can wait: a store in memory, and no hooks of anybody.
So a connection without a file has no thread, and tests with a virtual clock need no stand-in.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, TypeVar

import trio

T = TypeVar("T")


class RunSync(Protocol):
    """Runs a function of no arguments elsewhere; `trio.to_thread.run_sync` or a stand-in."""

    def __call__(self, function: Callable[[], Any]) -> Awaitable[Any]:
        """Return what the function returns."""


class Worker:
    """Runs functions one after the other."""

    def __init__(self, run_sync: RunSync | None = None) -> None:
        """Use `run_sync`, by default a thread; a stuck one never holds up the end of a host."""
        self._run_sync: RunSync = run_sync or partial(
            trio.to_thread.run_sync, abandon_on_cancel=True, limiter=trio.CapacityLimiter(1)
        )

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run the function; a cancel does not wait for it, but whoever comes next does."""
        result: T = await self._run_sync(partial(function, *arguments))
        return result


async def in_line(function: Callable[[], T]) -> T:
    """Run the function here, after the others have had their turn."""
    await trio.lowlevel.checkpoint()
    return function()


def trio_waker(event: Callable[[], None]) -> Callable[[], None]:
    """Return a function for any thread that runs `event` in this Trio thread, once for many calls."""
    token = trio.lowlevel.current_trio_token()

    def wake() -> None:
        try:
            token.run_sync_soon(event, idempotent=True)
        except trio.RunFinishedError:
            return  # the host ended between two calls; the inbox keeps the record

    return wake
