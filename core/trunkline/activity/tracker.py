"""Records what somebody did; from any thread, at any time, without ever waiting or raising.

A call makes an event and puts it into the inbox; whoever delivers takes it from there. The inbox
is bounded: when it is full the newest is refused and counted.
"""

import contextvars
import logging
import os
import platform
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import attrs
import trio

from trunkline.activity import record
from trunkline.events import Event

logger = logging.getLogger(__name__)

INBOX_EVENTS = 10_000
INBOX_BYTES = 16 * 1024 * 1024
SWITCH = "TRUNKLINE_DISABLE_TELEMETRY"
_OFF = frozenset({"", "0", "false", "no", "off"})
_scope: contextvars.ContextVar[tuple[str | None, str | None]] = contextvars.ContextVar(
    "trunkline_activity_scope", default=(None, None)
)


@attrs.frozen
class FlushReport:
    """What became of the records made before a flush."""

    delivered: int
    """Taken by every sink."""
    waiting: int
    """Some sink still has to take them."""
    dropped: int
    """Refused or given up, since the start."""


class Tracker:
    """Takes page views, actions and conversions; made before, during or after a host."""

    def __init__(
        self,
        *,
        walltime: Callable[[], float] = time.time,
        environ: Mapping[str, str] | None = None,
        strict: bool = False,
    ) -> None:
        """With `strict` a wrong argument raises, for tests; else it is counted and logged."""
        environ = os.environ if environ is None else environ
        self._is_switched_off = environ.get(SWITCH, "").strip().lower() not in _OFF
        self._is_enabled = not self._is_switched_off
        self._walltime = walltime
        self._strict = strict
        self._pid = os.getpid()
        self._inbox: deque[Event] = deque()
        self._inbox_bytes = 0
        self._lock = threading.Lock()
        self._wake: Callable[[], None] | None = None
        self._flush: Callable[[float], Any] | None = None
        self._subject: str | None = None
        self.session = str(uuid4())
        self.visitor_id = str(uuid4())
        self._is_closing = False
        self.refused: Counter[str] = Counter()
        """{reason: calls that recorded nothing}"""

    def track_page_view(
        self,
        path: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        referrer: str | None = None,
        subject: str | None = None,
        at: datetime | int | None = None,
    ) -> str | None:
        """Record that somebody looked at `path`; return the id, or None if nothing is recorded."""
        return self._record("page_view", path, metadata, subject, at, path=path, referrer=referrer)

    def track_action(
        self,
        name: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        subject: str | None = None,
        at: datetime | int | None = None,
    ) -> str | None:
        """Record that somebody did `name`, by custom `object.verb`; return the id, or None."""
        return self._record("action", name, metadata, subject, at, name=name)

    def track_conversion(
        self,
        name: str,
        value: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        subject: str | None = None,
        at: datetime | int | None = None,
    ) -> str | None:
        """Record that something was reached, worth `value`; return the id, or None."""
        worth = record.number(value)
        return self._record("conversion", name, metadata, subject, at, name=name, value=worth)

    def session_hello(self) -> Event | None:
        """Return a fresh greeting for one socket; it is never stored. None while disabled."""
        if not self._is_enabled:
            return None
        return record.build(
            "session_hello",
            self._walltime(),
            visitor_id=self.visitor_id,
            session=self.session,
            subject=self._subject,
            device={"python": platform.python_version(), "os": platform.system()},
        )

    def identify(self, subject: str | None) -> None:
        """Set whom this program's activity is about; None makes it anonymous again."""
        self._subject = subject

    @contextmanager
    def scope(self, *, subject: str | None = None, session: str | None = None) -> Iterator[None]:
        """Set subject and session for this thread or task only."""
        token = _scope.set((subject, session))
        try:
            yield
        finally:
            _scope.reset(token)

    def enable(self) -> bool:
        """Record from now on; False where the environment forbids it."""
        self._is_enabled = not self._is_switched_off
        return self._is_enabled

    def disable(self) -> None:
        """Record nothing from now on; what is recorded is still delivered."""
        self._is_enabled = False

    def is_enabled(self) -> bool:
        """Tell whether calls record anything."""
        return self._is_enabled

    async def flush(self, timeout: float = 10) -> FlushReport:  # noqa: ASYNC109 - promised by the public surface
        """Wait until every sink has taken what was recorded so far, at most `timeout` seconds."""
        if self._flush is None:
            return FlushReport(0, len(self._inbox), self.refused.total())
        report: FlushReport = await self._flush(timeout)
        return report

    def _record(
        self,
        kind: record.Kind,
        label: object,
        metadata: Mapping[str, Any] | None,
        subject: str | None,
        at: datetime | int | None,
        **fields: Any,
    ) -> str | None:
        if not self._is_enabled:
            return None
        if self._is_closing:
            self._refuse("closing", "the host is stopping")
            return None
        if os.getpid() != self._pid:
            self._refuse("forked", "a forked child makes its own tracker")
            return None
        if not isinstance(label, str) or not label or not isinstance(metadata or {}, Mapping):
            self._refuse("invalid", f"{kind}: a name or path is text, metadata a mapping")
            return None
        own_subject, own_session = _scope.get()
        event = record.build(
            kind,
            self._walltime(),
            at=at,
            metadata=metadata,
            subject=subject or own_subject or self._subject,
            session=own_session or self.session,
            **fields,
        )
        return self._put(event)

    def _put(self, event: Event) -> str | None:
        size = record.size_of(event)
        with self._lock:  # never held during anything that waits
            if len(self._inbox) >= INBOX_EVENTS or self._inbox_bytes + size > INBOX_BYTES:
                self._refuse("full", "the inbox is full; is a host running?")
                return None
            self._inbox.append(event)
            self._inbox_bytes += size
        if self._wake is not None:
            self._wake()
        return event.id

    def _refuse(self, reason: str, text: str) -> None:
        self.refused[reason] += 1
        if self._strict:
            raise ValueError(text)
        if self.refused[reason] == 1:
            logger.warning("activity.refused", extra={"reason": reason, "error": text})

    # the host's side

    def close(self) -> None:
        """Refuse new records: the host is stopping."""
        self._is_closing = True

    def attach(self, wake: Callable[[], None], flush: Callable[[float], Any]) -> None:
        """Let `wake` be called, from any thread, whenever there is something to take."""
        self._wake, self._flush = wake, flush
        self._is_closing = False

    def detach(self) -> None:
        """Take `wake` away again; calls fill the inbox."""
        self._wake = self._flush = None

    def take(self) -> list[Event]:
        """Return what the inbox holds, and empty it."""
        with self._lock:
            taken = list(self._inbox)
            self._inbox.clear()
            self._inbox_bytes = 0
        return taken


def trio_waker(event: Callable[[], None]) -> Callable[[], None]:
    """Return a function for any thread that runs `event` in this Trio thread, once for many calls."""
    token = trio.lowlevel.current_trio_token()

    def wake() -> None:
        try:
            token.run_sync_soon(event, idempotent=True)
        except trio.RunFinishedError:
            return  # the host ended between two calls; the inbox keeps the record

    return wake
