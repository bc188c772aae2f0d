"""Something that changes, and whoever waits for the next time."""

import trio


class Changes:
    """Told of changes; whoever waits looks again at each."""

    def __init__(self) -> None:
        self._next = trio.Event()

    def notify(self) -> None:
        """Wake everybody who waits now."""
        self._next.set()
        self._next = trio.Event()

    async def wait(self) -> None:
        """Wait for the next change."""
        await self._next.wait()
