"""A small host of plugins that are objects: what they need, what they send, how they stand."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from trunkline import Event, PluginContext, PluginInfo, hookimpl
from trunkline.activity.tracker import Tracker
from trunkline.config import config_from_mapping
from trunkline.plugin.discover import found_object
from trunkline.plugin.lease import Services
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.runner import Limits, PluginRunner
from trunkline.plugin_api import Response, Sinks, Subscriptions, Topics
from trunkline.routing.router import Router

Run = Callable[[PluginContext[Any]], Awaitable[None]]
WALL = 1_700_000_000.0


class Sender:
    """A connection that keeps what it was given."""

    def __init__(self) -> None:
        self.token = "canary-token"
        self.sent: list[object] = []

    async def send(self, message: Mapping[str, Any] | Event) -> Mapping[str, Any] | None:
        self.sent.append(message)
        return {"ok": True}

    async def barrier(self) -> None:
        self.sent.append("barrier")

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None, json: Any
    ) -> Response:
        self.sent.append((method, path, params, json))
        return Response(200, {}, "answer")


def plugin_object(
    run: Run | None = None,
    *,
    topics: Sequence[str] = (),
    subscriptions: Sequence[Mapping[str, Any]] = (),
    sinks: Sequence[Mapping[str, Any]] = (),
    config: type | None = None,
) -> SimpleNamespace:
    """Make a plugin of the hooks that are asked for; topics are always registered."""

    @hookimpl
    def trunkline_register_topics(topics: Topics) -> None:
        for topic in wanted:
            topics.add(topic)

    @hookimpl
    def trunkline_register_subscriptions(subscriptions: Subscriptions) -> None:
        for arguments in handlers:
            subscriptions.add(**arguments)

    @hookimpl
    def trunkline_register_sinks(sinks: Sinks) -> None:
        for arguments in sink_arguments:
            sinks.add(**arguments)

    wanted, handlers, sink_arguments = topics, subscriptions, sinks
    plugin = SimpleNamespace(
        trunkline_plugin=PluginInfo(config=config),
        trunkline_register_topics=trunkline_register_topics,
        trunkline_register_subscriptions=trunkline_register_subscriptions,
        trunkline_register_sinks=trunkline_register_sinks,
    )
    if run is not None:

        @hookimpl
        async def trunkline_run(ctx: PluginContext[Any]) -> None:
            await run(ctx)

        plugin.trunkline_run = trunkline_run
    return plugin


def loaded(**plugins: object) -> Loaded:
    config = config_from_mapping({"connection": {"url": "ws://localhost"}})
    found = [found_object(name, plugin) for name, plugin in plugins.items()]
    outcome = load(config, found=found)
    assert len(outcome.plugins) == len(plugins), outcome.records
    return outcome


class Host:
    """What stands around the runners: a router, a sender, and who hears of changes."""

    def __init__(self, outcome: Loaded, limits: Limits | None = None) -> None:
        self.router = Router(outcome.table, walltime=lambda: WALL)
        self.sender = Sender()
        self.changes: list[tuple[str, str, str]] = []
        self.records: list[PluginRecord] = []
        services = Services(self.router, self.sender, Tracker(), lambda: WALL)
        self.runners = [
            PluginRunner(
                plugin,
                services,
                limits or Limits(),
                rng=random.Random(1),
                on_change=self._on_change,
            )
            for plugin in outcome.plugins
        ]

    def _on_change(self, old: PluginRecord, new: PluginRecord) -> None:
        self.changes.append((new.name, old.state.value, new.state.value))
        self.records.append(new)

    def publish(self, topic: str, number: int = 0) -> None:
        """Let an event come in."""
        self.router.publish(Event(topic, "test", {"number": number}))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[PluginRunner]:
        """Run all; yield the first once every task waits for something."""
        async with trio.open_nursery() as nursery:
            self.router.serve(nursery)
            for runner in self.runners:
                nursery.start_soon(runner.run)
            await wait_all_tasks_blocked()
            yield self.runners[0]
            nursery.cancel_scope.cancel()


def hosted(run: Run | None = None, limits: Limits | None = None, **hooks: Any) -> Host:
    """A host of one plugin, called `one`."""
    return Host(loaded(one=plugin_object(run, **hooks)), limits)


async def up(ctx: PluginContext[Any]) -> None:
    """A plugin's task that starts and works on."""
    ctx.started()
    await trio.sleep_forever()
