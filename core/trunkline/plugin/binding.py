"""Binds what a plugin has registered to its runner: handlers and sinks that want `ctx`.

A plugin with a task is not called before it is up, nor between two attempts: its events wait
in their mailboxes, and its sinks answer `NotReady`.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import attrs

from trunkline.activity.handling import HANDLING
from trunkline.activity.sinks import SinkRule
from trunkline.events import Event
from trunkline.plugin.callables import is_async, parameter_count

#: Returns the `ctx` of the attempt that is up; raises `NotReady` where none is.
CurrentCtx = Callable[[], object]


def bound_handler(
    owner: str, handler: Callable[..., object], ctx: CurrentCtx, *, waits: bool
) -> Callable[[Event], object]:
    """Return a handler of the event alone; what it records says what `owner` was handling.

    With `waits` it is async whatever the plugin's is, for only such a handler has a mailbox in
    which events can wait.
    """
    whole: Callable[[Event], object] = handler
    if parameter_count(handler, "handler") == 2:
        whole = _with_ctx(handler, ctx)
    told = telling(owner, whole)

    async def call_sync(event: Event) -> None:
        told(event)

    return call_sync if waits and not is_async(handler) else told


def _with_ctx(handler: Callable[..., object], ctx: CurrentCtx) -> Callable[[Event], object]:
    async def call_async(event: Event) -> None:
        await handler(event, ctx())  # type: ignore[misc] # asked for below

    def call(event: Event) -> object:
        return handler(event, ctx())

    return call_async if is_async(handler) else call


def telling(plugin: str, handler: Callable[[Event], object]) -> Callable[[Event], object]:
    """Return a handler that says, while it runs, that `plugin` handles the event."""

    async def call_async(event: Event) -> None:
        token = HANDLING.set((plugin, event))
        try:
            await handler(event)  # type: ignore[misc] # asked for below
        finally:
            HANDLING.reset(token)

    def call(event: Event) -> object:
        token = HANDLING.set((plugin, event))
        try:
            return handler(event)
        finally:
            HANDLING.reset(token)

    return call_async if is_async(handler) else call


class BoundSink:
    """A plugin's sink, as the delivery uses it; it opens and closes what can be opened."""

    def __init__(self, sink: Any, ctx: CurrentCtx) -> None:
        self._sink = sink
        self._write: Callable[..., Awaitable[None]] = getattr(sink, "write", sink)
        self._wants_ctx = parameter_count(self._write, "sink") == 2
        self._ctx = ctx
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        if hasattr(self._sink, "__aenter__"):
            await self._exits.enter_async_context(self._sink)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._exits.__aexit__(kind, exc, traceback)

    async def write(self, events: Sequence[Event]) -> None:
        """Deliver the batch.

        Raises:
            NotReady: the plugin is not up.
        """
        ctx = self._ctx()
        await (self._write(events, ctx) if self._wants_ctx else self._write(events))


def bound_sink(rule: SinkRule, ctx: CurrentCtx) -> SinkRule:
    """Return the rule with a sink of the events alone."""
    return attrs.evolve(rule, sink=BoundSink(rule.sink, ctx))
