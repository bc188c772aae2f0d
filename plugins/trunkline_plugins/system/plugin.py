"""The hook of the plugin `system`."""

import trio

from trunkline import PluginContext, hookimpl
from trunkline_plugins.system.overview import SystemOverview

NOTE_INTERVAL = 2.0  # s; a person reads the line, so it need not be newer


@hookimpl
async def trunkline_run(ctx: PluginContext[None]) -> None:
    """Keep the overview, for the line in `trunkline status`."""
    overview = SystemOverview()

    overview.follow(ctx)
    ctx.started()
    while True:
        ctx.note(overview.summary())
        await trio.sleep(NOTE_INTERVAL)
