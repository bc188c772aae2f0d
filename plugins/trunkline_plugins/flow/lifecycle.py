"""The two events of an execution that plugins wait for, each once, however it became known.

The server says that a run has ended in one status update among many, twice or never: a stop is
only acknowledged, and what happens while nobody listens is not told at all. These two the plugin
`flow` publishes itself, on its own topic, when its table changes.
"""

import inspect
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol

import attrs

from trunkline import Event
from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.store import TOPIC, LearnedBy

SUCCEEDED = "SUCCEEDED"


@attrs.frozen(kw_only=True)
class Started:
    """An execution is at work, or is about to be."""

    type: ClassVar[str] = "execution.started"
    execution_id: str
    flow_id: str | None = None
    flow_name: str | None = None
    status: str
    started_at: datetime
    learned_by: Literal["live", "backfill", "start", "reconciled", "acknowledged"]
    """`start`: it was there when the host started; `reconciled`: no event told of it."""


@attrs.frozen(kw_only=True)
class Finished(Started):
    """An execution has ended; the figures are as far as they are known by then."""

    type: ClassVar[str] = "execution.finished"
    ended_at: datetime | None = None
    tokens: int | None = None
    tool_calls: int | None = None
    cost: float | None = None
    """In US dollars."""
    error: str | None = None
    summary: str | None = None

    @property
    def has_succeeded(self) -> bool:
        """It has done what it was for."""
        return self.status == SUCCEEDED

    @property
    def duration(self) -> timedelta | None:
        """From its start to its end."""
        return None if self.ended_at is None else self.ended_at - self.started_at


class Registrar(Protocol):
    """What the hook `trunkline_register_subscriptions` is given."""

    def add(self, topic: str, handler: Callable[..., object], *, where: Any = None) -> None:
        """Call `handler` for events of `topic`."""


def on_execution_started(
    subscriptions: Registrar, handler: Callable[..., object], *, flow: str | None = None
) -> None:
    """Call `handler(started)` or `handler(started, ctx)` when an execution starts, once each.

    `flow` narrows it to the flow of that name.
    """
    _on(subscriptions, handler, Started, flow)


def on_execution_finished(
    subscriptions: Registrar, handler: Callable[..., object], *, flow: str | None = None
) -> None:
    """Call `handler(finished)` or `handler(finished, ctx)` when an execution ends, once each."""
    _on(subscriptions, handler, Finished, flow)


def announcement(execution: Execution, cls: type[Started], learned_by: LearnedBy) -> dict[str, Any]:
    """Return the data of an event of `cls` about an execution."""
    names = [field.name for field in attrs.fields(cls)]
    known = attrs.asdict(execution, recurse=False)
    data = {"type": cls.type, "execution_id": execution.id, "learned_by": learned_by}
    data |= {name: known[name] for name in names if name in known}
    return {key: _plain(value) for key, value in data.items()}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _on(
    subscriptions: Registrar, handler: Callable[..., object], cls: type[Started], flow: str | None
) -> None:
    where = {"type": cls.type} if flow is None else {"type": cls.type, "flow_name": flow}
    subscriptions.add(TOPIC, _typed(handler, cls), where=where)


def _typed(handler: Callable[..., object], cls: type[Started]) -> Callable[..., object]:
    """Return the handler as the host calls it: with an event, and with `ctx` where it takes one."""
    takes_ctx = len(inspect.signature(handler).parameters) > 1
    if inspect.iscoroutinefunction(handler):

        async def wait_with_ctx(event: Event, ctx: object) -> None:
            await handler(event.as_(cls), ctx)

        async def wait(event: Event) -> None:
            await handler(event.as_(cls))

        return wait_with_ctx if takes_ctx else wait

    def call_with_ctx(event: Event, ctx: object) -> None:
        handler(event.as_(cls), ctx)

    def call(event: Event) -> None:
        handler(event.as_(cls))

    return call_with_ctx if takes_ctx else call
