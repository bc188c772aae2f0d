"""The hooks of the plugin `approval`."""

import trio

from trunkline import PluginContext, hookimpl
from trunkline.plugin_api import Topics
from trunkline_plugins.approval.store import TOPIC, ApprovalStore

NOTE_INTERVAL = 2.0  # s; a person reads the line, and requests expire without an event


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own `approvals`: every type that begins with `approval_`."""
    topics.add(TOPIC, match={"type": {"prefix": "approval_"}})


@hookimpl
async def trunkline_run(ctx: PluginContext[None]) -> None:
    """Keep the table, for the line in `trunkline status`."""
    store = ApprovalStore()
    store.follow(ctx)
    ctx.started()
    while True:
        ctx.note(store.summary())
        await trio.sleep(NOTE_INTERVAL)
