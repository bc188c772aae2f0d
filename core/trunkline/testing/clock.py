"""Virtual time that stands back while something real is under way.

A sleep, a deadline, a memory stream: all that happens in virtual time, which jumps to the next
deadline once every task waits. A thread or a socket looks idle to Trio, and a jump would cut off
whoever waits for it; so while a task does, time passes as it does outside.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import trio
from trio.testing import MockClock

#: Who waits for a connection waits for nobody in particular.
_LISTENING = trio.SocketListener.accept.__code__
#: A task that waits in one of these waits for something Trio cannot see.
_OUTSIDE = frozenset(
    function.__code__
    for function in (
        trio.to_thread.run_sync,
        trio.lowlevel.wait_readable,
        trio.lowlevel.wait_writable,
    )
)


class _Outside(trio.abc.Instrument):
    """Knows which tasks wait for threads and sockets, and sets the clock by it."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self._waiting: set[trio.lowlevel.Task] = set()
        self.main: trio.lowlevel.Task | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """The task goes on; what it has waited for is there."""
        if task in self._waiting:
            self._waiting.discard(task)
            self._set()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """The task waits: look for what."""
        if self._is_of_trio(task):
            return
        codes = {frame.f_code for frame, _ in task.iter_await_frames()}
        if codes & _OUTSIDE and _LISTENING not in codes:
            self._waiting.add(task)
            self._set()

    def _is_of_trio(self, task: trio.lowlevel.Task) -> bool:
        """Tell Trio's own tasks, one of which always waits for a socket."""
        nursery = task.parent_nursery
        is_top = nursery is None or nursery.parent_task.parent_nursery is None
        return is_top and task is not self.main

    def _set(self) -> None:
        is_real = bool(self._waiting)
        self._clock.rate = 1.0 if is_real else 0.0
        self._clock.autojump_threshold = math.inf if is_real else 0.0


def run_in_virtual_time(
    function: Callable[[], Awaitable[Any]],
    *,
    clock: trio.abc.Clock | None = None,
    instruments: Sequence[trio.abc.Instrument] = (),
) -> Any:
    """Run `function` as `trio.run` does, in virtual time unless `clock` says otherwise."""
    if clock is not None:
        return trio.run(function, clock=clock, instruments=instruments)
    virtual = MockClock(autojump_threshold=0)
    outside = _Outside(virtual)

    async def main() -> Any:
        outside.main = trio.lowlevel.current_task()
        return await function()

    return trio.run(main, clock=virtual, instruments=[*instruments, outside])
