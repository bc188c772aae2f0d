"""The hooks of the plugin `approval`."""

from trunkline import PluginContext, hookimpl
from trunkline.plugin_api import Topics
from trunkline_plugins.approval.store import TOPIC, ApprovalStore
from trunkline_plugins.status_line import keep_noting


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
    await keep_noting(ctx, store.summary)
