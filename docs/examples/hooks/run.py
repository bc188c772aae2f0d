"""Watches for silence: publishes an event when a topic has been quiet for too long."""

import attrs
import trio

from trunkline import PluginContext, PluginInfo, hookimpl
from trunkline.plugin_api import Seconds, Topics


@attrs.frozen
class SilenceConfig:
    """The table of the plugin."""

    topic: str = "flow_executions"
    """The topic that is watched."""
    limit: Seconds = 900.0
    """So long it may be quiet."""


trunkline_plugin = PluginInfo(config=SilenceConfig)


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own what is published."""
    topics.add("silence")


@hookimpl
async def trunkline_run(ctx: PluginContext[SilenceConfig]) -> None:
    """Open, say that it is up, work until cancelled, clean up."""
    topic, limit = ctx.config.topic, ctx.config.limit
    quiet_count = 0
    async with ctx.events(topic) as events:
        ctx.started()
        try:
            while True:
                with trio.move_on_after(limit) as scope:
                    if await anext(events, None) is None:
                        return  # the host stops
                if scope.cancelled_caught:
                    quiet_count += 1
                    ctx.publish("silence", "silence.noticed", {"topic": topic, "seconds": limit})
                ctx.note(f"{topic} was quiet {quiet_count} times")
        finally:
            with ctx.cleanup():  # shielded, for what is left of the time to stop
                ctx.log.info("silence.ended", extra={"count": quiet_count})
