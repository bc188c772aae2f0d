"""Waits for the link, and counts only the time in which there is one."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio

from trunkline import Event, PluginContext

STATE = "connection.state"


async def wait_connected(ctx: PluginContext[Any]) -> None:
    """Wait until the connection is up; at once where it is."""
    async with ctx.events("system", is_connected) as events:  # retained: who comes late is told
        async for _ in events:
            return
    await trio.sleep_forever()  # the host is stopping, and cancels us


@contextmanager
def within_one_link(ctx: PluginContext[Any], limit: float) -> Iterator[None]:
    """Give up what has taken `limit` seconds of one link; while there is none it may wait.

    So what is given up has left: it was not merely waiting for the link.

    Raises:
        trio.TooSlowError: it was given up.
    """
    with trio.CancelScope(deadline=trio.current_time() + limit) as scope:

        def note(event: Event) -> None:
            scope.deadline = trio.current_time() + limit if is_connected(event) else math.inf

        undo = ctx.subscribe("system", note, is_state)
        try:
            yield
        finally:
            undo()
    if scope.cancelled_caught:
        raise trio.TooSlowError


def is_state(event: Event) -> bool:
    """Tell whether an event is of the connection's state."""
    return event.type == STATE


def is_connected(event: Event) -> bool:
    """Tell whether an event says that the connection is up."""
    return event.type == STATE and event.get("new") == "connected"
