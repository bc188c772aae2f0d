"""The built-ins run as any plugin does: they start, say a line for `status`, and leave nothing."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trunkline import Event
from trunkline.activity.tracker import Tracker
from trunkline.config import config_from_mapping
from trunkline.errors import NotSent
from trunkline.plugin.lease import Services
from trunkline.plugin.manager import load
from trunkline.plugin.runner import Limits, PluginRunner
from trunkline.plugin.states import PluginState
from trunkline.plugin_api import Response
from trunkline.routing.router import Router

LONG = 10.0  # s of virtual time; every status line is newer than that


class NoLink:
    """A connection that nothing is sent on."""

    async def send(self, message: Mapping[str, Any] | Event) -> Mapping[str, Any] | None:
        raise AssertionError(f"nothing should be sent here: {message}")

    async def barrier(self) -> None:
        raise AssertionError("nothing was sent, so nothing is confirmed")

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None, json: Any
    ) -> Response:
        raise NotSent(f"there is no server to ask: {method} {path}")


@asynccontextmanager
async def running(router: Router) -> AsyncIterator[dict[str, PluginRunner]]:
    """Run the built-ins on a router; yield `{name: runner}` once all wait for something."""
    loaded = load(config_from_mapping({"connection": {"url": "ws://localhost"}}), safe=True)
    services = Services(router, NoLink(), Tracker(), lambda: 0.0)
    runners = {
        plugin.name: PluginRunner(plugin, services, Limits(), rng=random.Random(1))
        for plugin in loaded.plugins
    }
    async with trio.open_nursery() as nursery:
        for runner in runners.values():
            nursery.start_soon(runner.run)
        await wait_all_tasks_blocked()
        yield runners
        nursery.cancel_scope.cancel()


async def notes_of(runners: Mapping[str, PluginRunner]) -> dict[str, str]:
    """Wait until every line is fresh, and read them."""
    await trio.sleep(LONG)
    return {name: runner.note for name, runner in runners.items()}


async def test_builtins_start_and_leave_nothing(autojump_clock: MockClock) -> None:
    """All are up at once, and after their end no subscription is left."""
    router = Router()
    async with running(router) as runners:
        assert {runner.record.state for runner in runners.values()} == {PluginState.RUNNING}
        assert router.subscription_count() > 0
    assert {runner.record.state for runner in runners.values()} == {PluginState.STOPPED}
    assert router.subscription_count() == 0


async def test_builtins_say_what_they_have_seen(autojump_clock: MockClock) -> None:
    """Each shows one line that follows the events of its topic."""
    router = Router()
    async with running(router) as runners:
        assert await notes_of(runners) == {
            "flow": "0 running, 0 ended",
            "approval": "0 pending, 0 settled",
            "activity": "none seen yet",
            "system": "unknown",
        }
        started = {"execution_id": "e", "payload": {"status": "PENDING"}}
        router.publish(Event("flow_executions", "execution_started", started))
        created = {"approval_request_id": "a", "status": "pending"}
        router.publish(Event("approvals", "approval_created", created))
        for kind in ("action", "action", "made_up", ["not", "a", "word"]):
            update = {"activity": {"event_type": kind}}
            router.publish(Event("activity", "activity_update", update))
        router.announce("auth_error", {"error": "Invalid or expired token"})
        assert await notes_of(runners) == {
            "flow": "1 running, 0 ended",
            "approval": "1 pending, 0 settled",
            "activity": "action: 2, other: 2",
            "system": "unknown; auth errors: 1",
        }


async def test_two_hosts_share_nothing(autojump_clock: MockClock) -> None:
    """What one host has seen is not in the other's line, though both run the same modules."""
    one, other = Router(), Router()
    async with running(one) as seeing, running(other) as blind:
        started = {"execution_id": "e", "payload": {"status": "PENDING"}}
        one.publish(Event("flow_executions", "execution_started", started))
        assert (await notes_of(seeing))["flow"] == "1 running, 0 ended"
        assert (await notes_of(blind))["flow"] == "0 running, 0 ended"
