"""Records what somebody did; from any thread, at any time, without ever waiting or raising.

A call does four things: is it enabled, id and clock, a bounded copy, into the inbox. Everything
else, from consent to limits, happens in the host's worker.
"""

import contextvars
import os
import platform
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Literal
from uuid import uuid4

from trunkline.activity import automatic
from trunkline.activity.automatic import F
from trunkline.activity.copying import copied
from trunkline.activity.flushing import FlushReport
from trunkline.activity.handling import handled_now
from trunkline.activity.inbox import Call, Forget, Inbox
from trunkline.activity.record import NAME_LENGTH, TOPIC, text
from trunkline.activity.refusals import Refusals
from trunkline.activity.stages import Stages
from trunkline.events import Event

SWITCH = "TRUNKLINE_DISABLE_TELEMETRY"
RECORD_BYTES = 512  # what a record counts in the inbox beside its texts: its objects take as much
_VERSION_7 = 0x7000_8000_0000_0000_0000  # version and variant of a UUIDv7 (RFC 9562 §5.7)
_FREE = ~0xF000_C000_0000_0000_0000  # the bits that are not
_OFF = frozenset({"", "0", "false", "no", "off"})
_scope: contextvars.ContextVar[tuple[str | None, str | None]] = contextvars.ContextVar(
    "trunkline_activity_scope", default=(None, None)
)

Until = Literal["stored", "delivered"]
Flush = Callable[[float, Until], Awaitable[FlushReport]]


class Tracker:
    """Takes page views, actions and conversions; made before, during or after a host."""

    def __init__(
        self,
        *,
        walltime: Callable[[], float] = time.time,
        environ: Mapping[str, str] | None = None,
        strict: bool = False,
        application: str | None = None,
        application_version: str | None = None,
    ) -> None:
        """With `strict` a wrong argument raises, for tests; else it is counted and logged.

        `application` and its version stand in the context of every record.
        """
        environ = os.environ if environ is None else environ
        self.is_switched_off = environ.get(SWITCH, "").strip().lower() not in _OFF
        """The environment forbids recording: no file, thread or session hello either (A20)."""
        self._is_enabled = not self.is_switched_off
        self._walltime = walltime
        self._refusals = Refusals(strict=strict)
        self._pid = os.getpid()
        self._random_bits = random.Random().getrandbits  # noqa: S311 - ids have to differ, not to be secret
        self._flush: Flush | None = None
        self._subject: str | None = None
        self._is_closing = False
        self.inbox = Inbox()
        self.session = str(uuid4())
        self.visitor_id = str(uuid4())
        self.identity: tuple[str | None, dict[str, Any]] = (None, {})
        """The program's subject and traits as they were given last, not looked at yet."""
        self.known: tuple[str | None, Mapping[str, Any]] = (None, {})
        """The same as far as a hello may tell them."""
        named = {"application": application, "version": application_version}
        self.application = {key: text(value, NAME_LENGTH) for key, value in named.items() if value}
        self.refused = self._refusals.counts
        """{reason: calls that recorded nothing}"""

    # recording

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
        return self._record("page_view", path, metadata, subject, at, referrer)

    def track_action(
        self,
        name: str,
        metadata: Mapping[str, Any] | None = None,
        *,
        subject: str | None = None,
        at: datetime | int | None = None,
    ) -> str | None:
        """Record that somebody did `name`, by custom `object.verb`; return the id, or None."""
        return self._record("action", name, metadata, subject, at)

    def track_conversion(
        self,
        name: str,
        value: float | Decimal | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        subject: str | None = None,
        at: datetime | int | None = None,
    ) -> str | None:
        """Record that something was reached, worth `value`; return the id, or None."""
        return self._record("conversion", name, metadata, subject, at, None, value)

    def _record(
        self,
        kind: str,
        label: str,
        metadata: Mapping[str, Any] | None,
        subject: str | None,
        at: datetime | int | None,
        referrer: str | None = None,
        value: Any = None,
    ) -> str | None:
        if not self._is_enabled:
            return None
        if os.getpid() != self._pid:
            self._refusals.refuse(
                "forked", "a forked child makes its own tracker, and its own host"
            )
            return None
        if self._is_closing:
            self._refusals.refuse("closing", "the host is stopping")
            return None
        wall_time = self._walltime()
        own_subject, own_session = _scope.get()
        subject = subject or own_subject or self._subject
        try:
            size = RECORD_BYTES + _characters(label, subject, referrer)
            copy: dict[str, Any] = {}
            if metadata is not None:
                copy, used = copied(metadata)
                size += used
            if not label:
                raise ValueError("a name or path is not empty")  # noqa: TRY301 - told with the others
        except Exception as exc:  # noqa: BLE001 - a caller's own mapping may raise anything
            self._refusals.invalid(kind, exc)
            return None
        number = (int(wall_time * 1000) << 80 | self._random_bits(80)) & _FREE | _VERSION_7
        bits = f"{number:032x}"
        id_ = f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"
        session = own_session or self.session
        handled = handled_now()
        call = Call(kind, id_, wall_time, label, copy, subject, session, at, referrer, value, handled, size)  # fmt: skip
        if self.inbox.put(call, size):
            return id_
        self._refusals.refuse("full", "the inbox is full; is a host running?")
        return None

    def tracked(self, name: str, *, record: Collection[str] = ()) -> Callable[[F], F]:
        """Return a decorator for functions, sync or async: each call is an action `name`.

        It holds `duration_ms`, `outcome` (`ok`, `error`, `cancelled`), the class of an error, and
        the arguments that `record` names. A generator is refused.
        """
        return automatic.tracked(self.track_action, name, record)

    def during(self, name: str) -> AbstractContextManager[dict[str, Any]]:
        """Return a context manager: its block is an action `name`, with what it puts in."""
        return automatic.during(self.track_action, name)

    # whose activity it is

    def identify(self, subject: str | None, traits: Mapping[str, Any] | None = None) -> None:
        """Set whom this program's activity is about; None makes it anonymous again.

        `traits` are told to the server in the greeting of each socket, a new one at once if
        connected, where `send_subject` allows it.
        """
        if not self._may_queue():
            return
        try:
            plain = None if subject is None else str.__str__(subject)
            copy = {} if traits is None else copied(traits)[0]
        except Exception as exc:  # noqa: BLE001 - as for what is recorded
            self._refusals.invalid("identify", exc)
            return
        self._subject = plain
        self.identity = (plain, copy)
        self.inbox.put_identify()

    def forget(self, subject: str) -> None:
        """Delete what is stored of this subject, dead letters too, within a second.

        Covers all calls before this one, and no text is refused; what a sink has taken is out of
        reach.
        """
        if not self._may_queue():
            return
        try:
            plain = text(str.__str__(subject), NAME_LENGTH)
        except TypeError as exc:
            self._refusals.invalid("forget", exc)
            return
        self.inbox.put(Forget(plain), 0, always=True)

    def _may_queue(self) -> bool:
        return not self.is_switched_off and os.getpid() == self._pid

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
        self._is_enabled = not self.is_switched_off
        return self._is_enabled

    def disable(self) -> None:
        """Record nothing from now on; what is recorded is still delivered."""
        self._is_enabled = False

    def is_enabled(self) -> bool:
        """Tell whether calls record anything."""
        return self._is_enabled

    async def flush(self, timeout: float = 10, until: Until = "delivered") -> FlushReport:  # noqa: ASYNC109 - promised by the public surface
        """Wait until what was recorded so far is `stored` or `delivered`, at most `timeout` seconds.

        Stored: committed, so that in a file it survives the process. Delivered: no sink has
        anything of it left to do.
        """
        if self._flush is None or os.getpid() != self._pid:  # a forked child has no host
            return FlushReport(0, self.inbox.count, 0, self.refused.total())
        return await self._flush(timeout, until)

    # the host's side

    def session_hello(self) -> Event | None:
        """Return a fresh greeting for one socket; it is never stored. None while disabled."""
        if not self._is_enabled:
            return None
        subject, traits = self.known
        wall_time = self._walltime()
        about = {
            "at": int(wall_time * 1000),
            "visitor_id": self.visitor_id,
            "session": self.session,
            "device": {
                "python": platform.python_version(),
                "os": platform.system(),
                "trunkline": version("trunkline"),
                **self.application,
            },
            **({"subject": subject} if subject else {}),
            **({"traits": dict(traits)} if traits else {}),
        }
        return Event(TOPIC, "session_hello", about, origin="local", received=wall_time)

    def close(self) -> None:
        """Refuse new records: the host is stopping."""
        self._is_closing = True

    def attach(self, wake: Callable[[], None], flush: Flush) -> None:
        """Let `wake` be called, from any thread, whenever there is something to take."""
        self.inbox.on_put(wake)
        self._flush = flush
        self._is_closing = False

    def detach(self) -> None:
        """Take `wake` away again; calls fill the inbox."""
        self.inbox.on_put(None)
        self._flush = None

    def take(self) -> list[Event]:
        """Return what the inbox holds as events, and empty it: for programs without a host."""
        items = self.inbox.take(self.inbox.count)
        self.inbox.release(items)
        calls = [item for item in items if isinstance(item, Call)]
        return Stages(application=self.application).events(calls)


def _characters(*values: str | None) -> int:
    """Return how many characters there are; what is no text raises `TypeError`."""
    size = 0
    for value in values:
        if value is not None:
            size += str.__len__(value)
    return size
