"""The hook of the plugin `system`."""

from trunkline import PluginContext, hookimpl
from trunkline_plugins.status_line import keep_noting
from trunkline_plugins.system.overview import SystemOverview


@hookimpl
async def trunkline_run(ctx: PluginContext[None]) -> None:
    """Keep the overview, for the line in `trunkline status`."""
    overview = SystemOverview()

    overview.follow(ctx)
    ctx.started()
    await keep_noting(ctx, overview.summary)
