"""What `ctx` gave out ends with the attempt it belongs to, and clean-ups have their time (P14)."""

from typing import Any

import pytest
import trio
from plugin_host import hosted, up
from trio.testing import MockClock

from trunkline import Event, PluginContext
from trunkline.errors import PluginError
from trunkline.plugin.runner import Limits


@pytest.mark.parametrize(("takes", "is_whole"), [(14.0, True), (16.0, False)])
async def test_p14_cleaning_up_is_shielded_for_the_time_to_stop(
    autojump_clock: MockClock, takes: float, is_whole: bool
) -> None:
    """A cancel does not cut it off; the limit does."""
    done: list[float] = []

    async def run(ctx: PluginContext[Any]) -> None:
        try:
            await up(ctx)
        finally:
            with ctx.cleanup():
                await trio.sleep(takes)
                done.append(takes)

    host = hosted(run, Limits(stop=15.0))
    async with host.running():
        pass
    assert bool(done) is is_whole


async def test_p14_the_hosts_own_stop_shortens_a_clean_up_under_way(
    autojump_clock: MockClock,
) -> None:
    """It began with an attempt that failed; then the host is told to stop."""

    async def run(ctx: PluginContext[Any]) -> None:
        try:
            ctx.started()
            raise ValueError("boom")
        finally:
            with ctx.cleanup():
                await trio.sleep_forever()

    host = hosted(run, Limits(stop=100.0))
    async with host.running() as runner:
        started = trio.current_time()
        runner.stop(started + 3)
        await runner.wait_stopped()
        assert trio.current_time() - started == pytest.approx(3)


async def test_p14_what_ctx_gave_out_ends_with_the_attempt(autojump_clock: MockClock) -> None:
    """Subscriptions are undone, also half-way through a start; using `ctx` later raises."""
    contexts: list[PluginContext[Any]] = []

    async def run(ctx: PluginContext[Any]) -> None:
        contexts.append(ctx)
        if len(contexts) > 1:
            await trio.sleep_forever()

        async def later(event: Event) -> None: ...

        ctx.subscribe("things", lambda event: None)
        ctx.subscribe("things", later)
        raise ValueError("half-way")

    host = hosted(run, topics=["mine"])
    async with host.running():
        await trio.sleep(5)
        old = contexts[0]
        assert host.router.subscription_count() == 0
        for use in (
            lambda: old.publish("mine", "x", {}),
            lambda: old.subscribe("things", print),
            lambda: old.events("things"),
            lambda: old.note("x"),
            old.started,
            old.cleanup,
        ):
            with pytest.raises(PluginError, match="ended with its attempt"):
                use()
        with pytest.raises(PluginError, match="ended with its attempt"):
            await old.barrier()
        with pytest.raises(PluginError, match="ended with its attempt"):
            await old.send({"type": "x"})
        with pytest.raises(PluginError, match="ended with its attempt"):
            await old.request("GET", "/x")
        assert (old.name, old.config) == ("one", None)


async def test_p13_an_undo_works_once_and_twice(autojump_clock: MockClock) -> None:
    """Undoing is idempotent, and what is undone is not undone again at the end."""

    async def run(ctx: PluginContext[Any]) -> None:
        undo = ctx.subscribe("things", lambda event: None)
        undo()
        undo()
        await up(ctx)

    host = hosted(run)
    async with host.running():
        assert host.router.subscription_count() == 0


async def test_p13_state_is_shared_within_one_attempt(autojump_clock: MockClock) -> None:
    """What `trunkline_run` puts there its handlers find; the next attempt starts with nothing."""
    contexts: list[PluginContext[Any]] = []
    found: list[object] = []

    async def run(ctx: PluginContext[Any]) -> None:
        contexts.append(ctx)
        found.append(dict(ctx.state))
        ctx.state["pool"] = len(contexts)
        ctx.started()
        if len(contexts) == 1:
            raise ValueError("boom")
        await trio.sleep_forever()

    async def handler(event: Event, ctx: PluginContext[Any]) -> None:
        found.append(ctx.state["pool"])

    host = hosted(run, topics=["mine"], subscriptions=[{"topic": "mine", "handler": handler}])
    async with host.running():
        await trio.sleep(5)
        contexts[1].publish("mine", "x", {})
        await trio.sleep(1)
    assert found == [{}, {}, 2]
