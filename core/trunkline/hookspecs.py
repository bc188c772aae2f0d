"""The hooks: everything a plugin can take part in, in the order it happens.

An implementation names only the arguments it uses. The `register` hooks are synchronous, run
once when the host is built, and only declare; `config` is the plugin's own table, structured.
The two async hooks are awaited by the host, one plugin at a time, each in its own boundary.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pluggy

from trunkline.events import Gap
from trunkline.plugin_api import (
    Classifiers,
    Filters,
    PluginContext,
    Sinks,
    Subscriptions,
    Topics,
)

PROJECT = "trunkline"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def trunkline_register_topics(topics: Topics, config: Any) -> None:
    """Own topics: `topics.add(name, match=...)`."""


@hookspec
def trunkline_register_classifiers(classifiers: Classifiers, config: Any) -> None:
    """Tell topics from types: `classifiers.add(name, function, whole=False)`."""


@hookspec
def trunkline_register_filters(filters: Filters, config: Any) -> None:
    """Keep, change or drop events: `filters.add(name, function, topics=..., where=...)`."""


@hookspec
def trunkline_register_sinks(sinks: Sinks, config: Any) -> None:
    """Deliver events somewhere: `sinks.add(name, sink, topics=..., batch=..., linger=...)`."""


@hookspec
def trunkline_register_subscriptions(subscriptions: Subscriptions, config: Any) -> None:
    """Handle events: `subscriptions.add(topic, handler, where=..., on_gap=...)`."""


@hookspec
async def trunkline_run(ctx: PluginContext[Any]) -> None:
    """Open things, call `ctx.started()`, work until cancelled, clean up in `finally`."""


@hookspec
async def trunkline_backfill(
    ctx: PluginContext[Any], gap: Gap
) -> Iterable[Mapping[str, Any]] | None:
    """Fetch the messages missed in a gap of a topic this plugin owns; None: cannot."""
