"""A host in a thread of its own, for programs that know nothing of Trio: Django, Flask, scripts.

The thread is a daemon, so that it never keeps a program from ending; the program's end stops it in
order, which a kill and `os._exit` skip. A forked child has no such thread and stops nothing.
"""

import functools
import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

import trio

from trunkline.activity.flushing import FlushReport
from trunkline.activity.tracker import Tracker, Until
from trunkline.host.ending import call_at_the_end

if TYPE_CHECKING:
    from trunkline.host.host import Host

logger = logging.getLogger(__name__)

STOP_TIME = 5.0  # s
CANCEL_TIME = 1.0  # s after that, for what ignored the stop


class BackgroundHost:
    """A running host, seen from other threads; made by `Host.start_in_thread`."""

    def __init__(self, host: "Host") -> None:
        self._host = host
        self._pid = os.getpid()
        self._is_up = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._thread = threading.Thread(target=self._main, name="trunkline", daemon=True)
        self.error: BaseException | None = None
        """Why it has ended by itself."""

    @property
    def tracker(self) -> Tracker:
        """Records activity, from any thread."""
        return self._host.tracker

    @property
    def is_running(self) -> bool:
        """It runs in this process; False in a forked child."""
        return os.getpid() == self._pid and self._thread.is_alive()

    @property
    def http_port(self) -> int | None:
        """Where `[host] http` is served."""
        return self._host.http_port

    def start(self) -> None:
        """Start the thread, and wait until every part runs; the connection comes when it can.

        Plugins may delay this by `[host] start_timeout`.

        Raises:
            TrunklineError, OSError: what a part could not start for.
        """
        self._thread.start()
        self._is_up.wait()
        if self.error is not None:
            raise self.error
        call_at_the_end(self.stop, self._thread)

    def flush(self, timeout: float = 10, until: Until = "delivered") -> FlushReport:
        """Wait until what was recorded so far is `stored` or `delivered`, at most so many seconds."""
        ask = functools.partial(self.tracker.flush, timeout, until)
        if not self.is_running:  # a forked child has no such thread to ask
            return trio.run(ask)
        try:
            return trio.from_thread.run(ask, trio_token=self._token)
        except (trio.RunFinishedError, trio.Cancelled):
            return trio.run(ask)  # nobody takes anything any more: it says so at once

    def stop(self, timeout: float = STOP_TIME) -> None:
        """Stop in order within `timeout` seconds, then by force; doing so twice changes nothing."""
        if not self.is_running:
            return
        self._soon(functools.partial(self._host.stop, within=timeout))
        if threading.current_thread() is self._thread:  # it cannot wait for itself
            return
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._soon(self._scope.cancel)
            self._thread.join(CANCEL_TIME)
        if self._thread.is_alive():
            logger.error("host.abandoned", extra={"seconds": timeout + CANCEL_TIME})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _soon(self, function: Callable[[], Any]) -> None:
        try:
            if self._token is not None:
                self._token.run_sync_soon(function)
        except trio.RunFinishedError:
            return  # it ended between two calls

    def _main(self) -> None:
        try:
            trio.run(self._run)
        except BaseException as exc:
            self.error = _single(exc)
            if self._is_up.is_set():
                logger.critical("host.failed", extra={"error": repr(self.error)}, exc_info=exc)
        self._is_up.set()

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        with self._scope:
            await self._host.run(handle_signals=False, task_status=_Up(self._is_up))


class _Up:
    """Tells a thread what `nursery.start` would tell a task."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def started(self, _: object = None) -> None:
        """Wake the thread."""
        self._event.set()


def _single(exc: BaseException) -> BaseException:
    """Return the one cause that a group holds."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc
