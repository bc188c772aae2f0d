"""Audit trail: masks fields, writes a file, publishes a summary of the sessions."""

import collections
import pathlib
from collections.abc import Sequence

import attrs
import trio

from trunkline import Event, PluginContext, PluginInfo, hookimpl
from trunkline.plugin_api import Classifiers, Filters, Seconds, Sinks, Topics


@attrs.frozen
class AuditConfig:
    """The table `[plugin.audit_trail]`."""

    file: pathlib.Path  # no default: required
    interval: Seconds = 60.0
    mask: tuple[str, ...] = ("ip", "email")


trunkline_plugin = PluginInfo(config=AuditConfig, after=("flow",))


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own what comes in, and what is made of it."""
    for name in ("audit", "audit_summary"):
        topics.add(name)


@hookimpl
def trunkline_register_classifiers(classifiers: Classifiers) -> None:
    """Everything whose type begins with `audit_`."""
    classifiers.add("entries", lambda kind: "audit" if kind.startswith("audit_") else None)


@hookimpl
def trunkline_register_filters(filters: Filters, config: AuditConfig) -> None:
    """Before anybody sees an entry."""

    def mask(event: Event) -> Event:
        payload = {
            key: "***" if key in config.mask else value
            for key, value in event.get("payload").items()
        }
        return attrs.evolve(event, data={**event.data, "payload": payload})

    filters.add("mask", mask, topics=("audit",))


@hookimpl
def trunkline_register_sinks(sinks: Sinks, config: AuditConfig) -> None:
    """One line of JSON for each entry."""

    async def write(events: Sequence[Event]) -> None:
        async with await trio.open_file(config.file, "a") as file:
            await file.write("".join(event.to_json() + "\n" for event in events))

    sinks.add("file", write, topics=("audit",))


@hookimpl
async def trunkline_run(ctx: PluginContext[AuditConfig]) -> None:
    """Count the sessions, and publish the counts."""
    seen: collections.Counter[str] = collections.Counter()

    def count(event: Event) -> None:
        seen[event.get("payload.action")] += 1

    ctx.subscribe("audit", count, where={"payload.action": {"prefix": "runtime_session_"}})
    ctx.started()
    while True:
        await trio.sleep(ctx.config.interval)
        ctx.publish("audit_summary", "audit.summary", dict(seen))
