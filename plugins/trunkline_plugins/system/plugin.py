"""The hook of the plugin `system`."""

import trio

from trunkline import Event, PluginContext, hookimpl
from trunkline_plugins.system.overview import TOPIC, SystemOverview


@hookimpl
async def trunkline_run(ctx: PluginContext[None]) -> None:
    """Show the overview in `trunkline status`; notices are few, so each renews the line."""
    overview = SystemOverview()

    def take(event: Event) -> None:
        overview.apply(event)
        ctx.note(overview.summary())

    ctx.subscribe(TOPIC, take)
    ctx.started()
    await trio.sleep_forever()
