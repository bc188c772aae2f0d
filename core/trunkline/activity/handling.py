"""Which plugin is handling which event just now: context for what is recorded meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from trunkline.events import Event

_ID_LENGTH = 128  # characters

_handling: ContextVar[tuple[str, Event] | None] = ContextVar("trunkline_handling", default=None)


@contextmanager
def handling(plugin: str, event: Event) -> Iterator[None]:
    """Say that `plugin` handles `event`, in this task or thread."""
    token = _handling.set((plugin, event))
    try:
        yield
    finally:
        _handling.reset(token)


def handled_now() -> dict[str, str] | None:
    """Return plugin, topic and execution id of what is being handled; None where nothing is."""
    current = _handling.get()
    if current is None:
        return None
    plugin, event = current
    about = {"plugin": plugin, "topic": event.topic}
    execution = event.get("execution_id")
    if isinstance(execution, str):
        about["execution_id"] = execution[:_ID_LENGTH]
    return about
