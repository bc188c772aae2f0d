"""Which plugin is handling which event just now: context for what is recorded meanwhile."""

from contextvars import ContextVar

from trunkline.activity.record import NAME_LENGTH, text
from trunkline.events import Event

#: (plugin, event), set by whoever calls a plugin's handler, in the handler's own context.
HANDLING: ContextVar[tuple[str, Event] | None] = ContextVar("trunkline_handling", default=None)


def handled_now() -> dict[str, str] | None:
    """Return plugin, topic and execution id of what is being handled; None where nothing is."""
    current = HANDLING.get()
    if current is None:
        return None
    plugin, event = current
    about = {"plugin": plugin, "topic": event.topic}
    execution = event.get("execution_id")
    if isinstance(execution, str):
        about["execution_id"] = text(execution, NAME_LENGTH)
    return about
