"""The hooks of the plugin `approval`."""

from collections.abc import Sequence
from datetime import timedelta

from trunkline import Gap, PluginContext, PluginInfo, hookimpl
from trunkline.plugin_api import Topics
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.keeper import Keeper
from trunkline_plugins.approval.notices import NOTICES
from trunkline_plugins.approval.reconcile import missed_since
from trunkline_plugins.approval.request import TOPIC, Message
from trunkline_plugins.approval.server import Server

STORE = "store"
CLOCK_SKEW = timedelta(minutes=5)  # what our clock and the server's may differ

trunkline_plugin = PluginInfo(config=ApprovalConfig)


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own `approvals`, every type that begins with `approval_`, and the notices to people."""
    topics.add(TOPIC, match={"type": {"prefix": "approval_"}})
    topics.add(NOTICES)


@hookimpl
async def trunkline_run(ctx: PluginContext[ApprovalConfig]) -> None:
    """Keep the table, let rules decide, give notice."""
    keeper = Keeper(ctx)
    ctx.state[STORE] = keeper.store
    await keeper.run()


@hookimpl
async def trunkline_backfill(
    ctx: PluginContext[ApprovalConfig], gap: Gap
) -> Sequence[Message] | None:
    """Fetch what was requested during the gap, and what has become of the rest."""
    if gap.topic != TOPIC:
        return ()
    return await missed_since(Server(ctx), ctx.state[STORE], gap.since - CLOCK_SKEW)
