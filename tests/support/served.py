"""What tests of commands stand on: a simulator in a thread of its own, for they bring their own
event loop.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import trio

from trunkline.simulator import Simulator

T = TypeVar("T")


class Served:
    """A running simulator, asked from another thread."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.url = ""
        self._ready = threading.Event()
        self._token: Any = None
        self._over: Any = None

    def run(self) -> None:
        trio.run(self._serve)

    async def _serve(self) -> None:
        self._over = trio.Event()
        async with self.simulator.listen() as self.url:
            self._token = trio.lowlevel.current_trio_token()
            self._ready.set()
            await self._over.wait()

    def wait_ready(self) -> None:
        assert self._ready.wait(10)

    def do(self, function: Callable[[Simulator], T]) -> T:
        """Call `function` with the simulator, in its own thread."""
        return trio.from_thread.run_sync(function, self.simulator, trio_token=self._token)

    def stop(self) -> None:
        trio.from_thread.run_sync(self._over.set, trio_token=self._token)


@contextmanager
def serving(**arguments: Any) -> Iterator[Served]:
    """Serve until the body ends; the arguments are the simulator's."""
    served = Served(Simulator(**arguments))
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        served.wait_ready()
        yield served
    finally:
        served.stop()
        thread.join(10)
        assert not thread.is_alive()
