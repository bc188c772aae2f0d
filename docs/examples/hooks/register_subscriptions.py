"""Greets executions as they start, and notes where some may have been missed."""

import logging

from trunkline import Event, Gap, PluginContext, hookimpl
from trunkline.plugin_api import Subscriptions

logger = logging.getLogger(__name__)


@hookimpl
def trunkline_register_subscriptions(subscriptions: Subscriptions) -> None:
    """A condition, a handler with the context, and one for gaps; up to 1000 events may wait."""
    subscriptions.add(
        "flow_executions",
        greet,
        where={"type": "execution_started"},
        on_gap=note_gap,
        buffer=1000,
        overflow="drop_oldest",
    )


async def greet(event: Event, ctx: PluginContext[None]) -> None:
    """Say something to the agent; `send` returns the server's reply."""
    await ctx.send(
        {
            "type": "command",
            "command": "send_message",
            "execution_id": event.get("execution_id"),
            "message": "Good luck.",
        }
    )


def note_gap(gap: Gap) -> None:
    """Executions may have started meanwhile."""
    logger.warning("ungreeted since %s", gap.since)
