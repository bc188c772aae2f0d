"""A subscription: a topic, a condition and a receiver; it ends when its scope ends.

Two kinds. One is called in line and keeps nothing. The other has a mailbox (`queued.py`).
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from time import perf_counter

import attrs

from trunkline.border import let_pass
from trunkline.config import EVERY_TOPIC, is_topic
from trunkline.events import Event, Gap
from trunkline.plugin_api import Where
from trunkline.routing.faults import Faults
from trunkline.where import Lookup, compile_where

OnGap = Callable[[Gap], object]


@attrs.define(eq=False, slots=True, weakref_slot=False)
class Subscription(ABC):
    """What the index holds; `deliver` is called with what passed index and condition."""

    topic: str
    owner: str
    """The plugin it belongs to; empty outside plugins."""
    lookup: Lookup | None
    """What it is found by; None: it is asked about every event of its topic."""
    accepts: Callable[[Event], bool] | None
    """What is left to judge after the index; None: nothing."""
    faults: Faults
    is_live: bool = attrs.field(default=True, init=False)
    direct: Callable[[Event], object] | None = attrs.field(default=None, init=False)
    """What is called with an event that the index found, without asking anything; None once it
    has ended, and where there is something to ask or to keep."""

    def admits(self, event: Event) -> bool:
        """Tell whether it is live and the rest of its condition holds; one that raises does not."""
        try:
            return self.is_live and (self.accepts is None or bool(self.accepts(event)))
        except BaseException as exc:  # noqa: BLE001 - not ours; `failed` lets pass what ends a task
            self.failed(exc)
            return False

    def failed(self, exc: BaseException) -> None:
        """Count and tell what its condition or its callback raised; what ends a task is raised."""
        let_pass(exc)
        self.faults.failed(self.owner, self.topic, exc)

    @abstractmethod
    def deliver(self, event: Event, size: int) -> None:
        """Hand an event of `size` bytes to the receiver; never waits, never raises."""

    @abstractmethod
    def deliver_gap(self, gap: Gap) -> None:
        """Hand a gap to the receiver, in its place among the events."""

    def end(self) -> None:
        """Deliver nothing more, and drop what is not read."""
        self.finish()

    def finish(self) -> None:
        """Deliver nothing more; what is there can still be read."""
        self.is_live = False
        self.direct = None


@attrs.define(eq=False, slots=True, weakref_slot=False)
class InlineSubscription(Subscription):
    """Calls a synchronous callback at once."""

    callback: Callable[[Event], object]
    on_gap: OnGap | None

    def __attrs_post_init__(self) -> None:
        if self.accepts is None:
            self.direct = self.callback

    def call(self, event: Event) -> None:
        """Call the callback."""
        self.callback(event)

    def deliver(self, event: Event, size: int) -> None:
        """Call the callback; what it raises stays here."""
        try:
            self.call(event)
        except BaseException as exc:  # noqa: BLE001 - not ours; `failed` lets pass what ends a task
            self.failed(exc)

    def deliver_gap(self, gap: Gap) -> None:
        """Call `on_gap`; without one the gap is logged."""
        if self.on_gap is None:
            self.faults.unheard(self.owner, gap)
            return
        try:
            self.on_gap(gap)
        except BaseException as exc:  # noqa: BLE001 - not ours; `failed` lets pass what ends a task
            self.failed(exc)


@attrs.define
class Spent:
    """The time that the synchronous callbacks of a plugin took."""

    seconds: float = 0.0


@attrs.define(eq=False, slots=True, weakref_slot=False)
class TimedSubscription(InlineSubscription):
    """The same for a plugin: its time in line is counted against it."""

    spent: Spent

    def __attrs_post_init__(self) -> None:
        if self.accepts is None:
            self.direct = self.call

    def call(self, event: Event) -> None:
        """Call the callback, and count how long it takes."""
        started = perf_counter()
        try:
            self.callback(event)
        finally:
            self.spent.seconds += perf_counter() - started


def prepared(
    topic: str, where: Where | None
) -> tuple[Lookup | None, Callable[[Event], bool] | None]:
    """Return what the index takes over from a condition, and what is left to judge."""
    if topic != EVERY_TOPIC and not is_topic(topic):
        raise ValueError(f"{topic!r} is no topic: 1 to 128 of A-Z a-z 0-9 _ . : -, or `*`")
    if where is None:
        return None, None
    if not isinstance(where, Mapping):
        return None, where
    lookup, rest = compile_where(where).split()
    if rest is None:
        return lookup, None
    return lookup, lambda event: event.holds_to(rest)


def is_async(callback: Callable[..., object] | None) -> bool:
    """Tell whether calling it makes a coroutine; true of an object with an async `__call__`."""
    call = getattr(callback, "__call__", None)  # noqa: B004 - an object whose call is a coroutine function
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(call)
