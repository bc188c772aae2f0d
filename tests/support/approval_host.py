"""The plugin `approval` in a host in virtual time, and what is asked of it and heard from it."""

import random
from typing import Any

import trio
from approval_bench import Wire, in_line

from trunkline import Event, Gap, PluginContext, hookimpl
from trunkline.plugin_api import Topics
from trunkline.simulator import ACCOUNT_A, Approval
from trunkline.testing import HostUnderTest
from trunkline.testing.hosting import WALL
from trunkline_plugins.approval import plugin
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.keeper import Keeper

RNG = random.Random(1)


class Unlucky:
    """A `ctx` whose decisions can be lost on the way."""

    def __init__(self, ctx: PluginContext[ApprovalConfig], loses: str) -> None:
        self._ctx = ctx
        self.wire = Wire(ctx, loses=loses)
        self.request = self.wire.request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ctx, name)


class VirtualApproval:
    """The plugin by a wall clock that follows Trio's; `loses` is what its wire loses."""

    def __init__(self, loses: str = "") -> None:
        self._loses = loses
        self.ctx: Any = None

    trunkline_plugin = plugin.trunkline_plugin

    @hookimpl
    def trunkline_register_topics(self, topics: Topics) -> None:
        plugin.trunkline_register_topics(topics)

    @hookimpl
    async def trunkline_run(self, ctx: PluginContext[ApprovalConfig]) -> None:
        self.ctx = Unlucky(ctx, self._loses)
        keeper = Keeper(self.ctx, walltime=lambda: WALL + trio.current_time(), run_sync=in_line)
        ctx.state[plugin.STORE] = keeper.store
        await keeper.run()

    @hookimpl
    async def trunkline_backfill(
        self, ctx: PluginContext[ApprovalConfig], gap: Gap
    ) -> list[dict[str, Any]]:
        return [*(await plugin.trunkline_backfill(ctx, gap) or ())]


def ask(host: HostUnderTest, **details: Any) -> Approval:
    """Let an agent ask; it may for five minutes."""
    world = host.simulator.world
    approval = Approval.draw(RNG, ACCOUNT_A, world.walltime(), **details)
    world.request_approval(approval)
    return approval


def notices(host: HostUnderTest) -> list[str]:
    return [event.type for event in host.published("approval_notices")]


def last(host: HostUnderTest) -> Event:
    return host.published("approval_notices")[-1]
