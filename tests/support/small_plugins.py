"""Plugins of one hook, made of a function."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from trunkline import Event, PluginContext, hookimpl
from trunkline.plugin_api import Sinks, Subscriptions, Topics

ENTRY = {"topic": "audit", "type": "audit_event", "payload": {"n": 1}}


def handling(handler: Callable[..., object]) -> object:
    """Return a plugin that owns `audit` and handles it."""

    @hookimpl
    def trunkline_register_topics(topics: Topics) -> None:
        topics.add("audit")

    @hookimpl
    def trunkline_register_subscriptions(subscriptions: Subscriptions) -> None:
        subscriptions.add("audit", handler)

    return SimpleNamespace(
        trunkline_register_topics=trunkline_register_topics,
        trunkline_register_subscriptions=trunkline_register_subscriptions,
    )


def delivering(write: Callable[[Sequence[Event]], Any]) -> object:
    """Return a plugin that delivers `audit`."""

    @hookimpl
    def trunkline_register_sinks(sinks: Sinks) -> None:
        sinks.add("file", write, topics=("audit",))

    return SimpleNamespace(trunkline_register_sinks=trunkline_register_sinks)


def running(run: Callable[[PluginContext[Any]], Any]) -> object:
    """Return a plugin with a task."""

    @hookimpl
    async def trunkline_run(ctx: PluginContext[Any]) -> None:
        await run(ctx)

    return SimpleNamespace(trunkline_run=trunkline_run)
