"""Keeps the entries of a topic in a file, one line of JSON each, and counts them."""

import collections
import pathlib

import attrs
import trio

from trunkline import Event, PluginContext, PluginInfo, hookimpl
from trunkline.plugin_api import Seconds, Subscriptions, Topics


@attrs.frozen
class AuditConfig:
    """The table `[plugin.audit]`."""

    file: pathlib.Path
    """Where the entries go; relative to the configuration."""
    interval: Seconds = 60.0
    """How often the counts are published."""


trunkline_plugin = PluginInfo(config=AuditConfig)

SOURCE = "audit"  # the topic that is followed; `trunkline routes` lists what there is


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own what is published here; `match=` would give it messages of the server, too."""
    topics.add("audit_summary")


@hookimpl
def trunkline_register_subscriptions(subscriptions: Subscriptions, config: AuditConfig) -> None:
    """Keep each entry in the file."""

    async def keep(event: Event) -> None:
        async with await trio.open_file(config.file, "a") as file:
            await file.write(event.to_json() + "\n")

    subscriptions.add(SOURCE, keep)


@hookimpl
async def trunkline_run(ctx: PluginContext[AuditConfig]) -> None:
    """Publish how often each action was seen."""
    seen: collections.Counter[str] = collections.Counter()

    def count(event: Event) -> None:
        seen[str(event.get("payload.action"))] += 1

    ctx.subscribe(SOURCE, count)
    ctx.started()
    while True:
        await trio.sleep(ctx.config.interval)
        ctx.publish("audit_summary", "audit.summary", dict(seen))
        ctx.note(f"{seen.total()} entries")
