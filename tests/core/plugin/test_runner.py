"""Running: started, restarted, given up, stopped."""

import math
from typing import Any

import attrs
import pytest
import trio
from plugin_host import WALL, Host, Run, hosted, loaded, plugin_object, up
from trio.testing import MockClock, wait_all_tasks_blocked

from trunkline import Event, PluginContext
from trunkline.errors import PluginFatal
from trunkline.plugin.runner import Limits, stop_in_order


async def test_p14_a_plugin_is_waiting_until_it_says_that_it_is_up(
    autojump_clock: MockClock,
) -> None:
    """`running` means `ctx.started()` was called, and `settled` with it."""

    async def run(ctx: PluginContext[Any]) -> None:
        await trio.sleep(5)
        await up(ctx)

    host = hosted(run)
    async with host.running() as runner:
        assert runner.record.state.value == "waiting"
        await runner.wait_settled()
        assert runner.record.state.value == "running"
    assert host.changes == [("one", "waiting", "running"), ("one", "running", "stopped")]


async def test_p14_a_plugin_without_a_task_is_up_at_once(autojump_clock: MockClock) -> None:
    """There is nothing to wait for."""
    async with hosted().running() as runner:
        assert runner.record.state.value == "running"


async def test_p10_a_plugin_without_a_task_is_told_what_is_retained(
    autojump_clock: MockClock,
) -> None:
    """Its handlers have their `ctx` by then, whether they are called in line or have a worker."""
    got: list[tuple[str, str]] = []

    def inline(event: Event, ctx: PluginContext[Any]) -> None:
        got.append((ctx.name, "inline"))

    async def worker(event: Event, ctx: PluginContext[Any]) -> None:
        got.append((ctx.name, "worker"))

    handlers = [{"topic": "system", "handler": handler} for handler in (inline, worker)]
    host = hosted(subscriptions=handlers)
    host.router.announce("plugin.state", {}, key="another")
    async with host.running():
        assert got == [("one", "inline"), ("one", "worker")]
        assert host.router.statistics().handler_errors == {}


async def test_p14_returning_counts_as_started(autojump_clock: MockClock) -> None:
    """And leaves the plugin running, with a `ctx` that goes on working."""
    contexts = []

    async def run(ctx: PluginContext[Any]) -> None:
        contexts.append(ctx)

    host = hosted(run, topics=["mine"])
    async with host.running() as runner:
        await trio.sleep(100)
        assert runner.record.state.value == "running"
        contexts[0].publish("mine", "still", {})
    assert len(contexts) == 1


async def test_p14_a_start_that_takes_too_long_is_cut_off_and_tried_again(
    autojump_clock: MockClock,
) -> None:
    """It hangs in an await; the record says why, and when the next try is."""
    starts: list[float] = []

    async def run(ctx: PluginContext[Any]) -> None:
        starts.append(trio.current_time())
        await trio.sleep_forever()

    host = hosted(run, Limits(start=30.0))
    async with host.running() as runner:
        await runner.wait_settled()
        assert runner.record.state.value == "waiting"
        assert runner.record.reason == "no `ctx.started()` within 30 s"
        assert runner.record.retry_at is not None
        assert runner.record.retry_at.timestamp() == pytest.approx(WALL + 1.0)
        await trio.sleep(100)
    assert starts[1] - starts[0] == pytest.approx(31.0)


async def test_p14_a_slow_start_is_not_cut_off_later(autojump_clock: MockClock) -> None:
    """The limit is on starting, not on living."""
    host = hosted(up, Limits(start=30.0))
    async with host.running() as runner:
        await trio.sleep(1000)
        assert runner.record.state.value == "running"


async def test_p15_an_error_restarts_it_and_the_states_tell(autojump_clock: MockClock) -> None:
    """Running, waiting with reason and time, running again."""
    tries: list[int] = []

    async def run(ctx: PluginContext[Any]) -> None:
        tries.append(1)
        ctx.started()
        if len(tries) == 1:
            raise ValueError("boom")
        await trio.sleep_forever()

    host = hosted(run)
    async with host.running() as runner:
        waiting = runner.record
        await trio.sleep(10)
        assert (waiting.state.value, waiting.reason) == ("waiting", "ValueError: boom")
        assert (runner.record.state.value, runner.record.reason) == ("running", "")
        assert runner.record.retry_at is None


async def test_p15_only_plugin_fatal_ends_it(autojump_clock: MockClock) -> None:
    """Its handlers end; its topics stay in the table, being needed by others."""
    seen: list[Event] = []

    async def run(ctx: PluginContext[Any]) -> None:
        ctx.started()
        await trio.sleep(1)
        raise PluginFatal("no licence")

    host = hosted(run, subscriptions=[{"topic": "things", "handler": seen.append}])
    async with host.running() as runner:
        await runner.wait_stopped()
        host.publish("things")
        await wait_all_tasks_blocked()
        assert (runner.record.state.value, runner.record.reason) == ("failed", "no licence")
        assert host.router.subscription_count() == 0
    assert seen == []
    assert host.changes[-1] == ("one", "running", "failed")


async def test_p17_plugins_stop_in_reverse_load_order(autojump_clock: MockClock) -> None:
    """A later plugin may build on an earlier one, so it goes first."""

    def slow_to_leave(seconds: float) -> Run:
        async def run(ctx: PluginContext[Any]) -> None:
            try:
                await up(ctx)
            finally:
                with ctx.cleanup():
                    await trio.sleep(seconds)

        return run

    host = Host(loaded(a=plugin_object(slow_to_leave(1)), b=plugin_object(slow_to_leave(2))))
    async with host.running():
        await stop_in_order(host.runners, trio.current_time() + 10)
    assert [name for name, _, new in host.changes if new == "stopped"] == ["b", "a"]


async def test_p17_one_that_does_not_stop_holds_up_the_others_until_the_deadline(
    autojump_clock: MockClock,
) -> None:
    """After that nobody is waited for."""

    async def stubborn(ctx: PluginContext[Any]) -> None:
        try:
            await up(ctx)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(60)

    host = Host(loaded(a=plugin_object(up), b=plugin_object(stubborn)))
    async with host.running():
        started = trio.current_time()
        await stop_in_order(host.runners, started + 10)
        assert trio.current_time() - started == pytest.approx(10)
        await host.runners[0].wait_stopped()


def test_limits_have_the_documented_defaults() -> None:
    """30 s to start, 15 s to stop; no limit is infinite."""
    assert attrs.astuple(Limits()) == (30.0, 15.0)
    assert all(math.isfinite(limit) for limit in attrs.astuple(Limits()))
