"""Registered handlers and sinks: bound to `ctx`, and not called before their plugin is up."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import pytest
import trio
from plugin_host import WALL, Host, Run, hosted, loaded, plugin_object, up
from trio.testing import MockClock, wait_all_tasks_blocked

from trunkline import Event, Gap, PluginContext, hookimpl
from trunkline.errors import NotReady
from trunkline.plugin.runner import Limits


async def test_hook_register_subscriptions_handlers_get_event_or_event_and_ctx(
    autojump_clock: MockClock,
) -> None:
    """Both forms, sync and async, with and without a task of the plugin's."""
    seen: list[tuple[str, str]] = []

    async def async_one(event: Event) -> None:
        seen.append(("async_one", ""))

    async def async_two(event: Event, ctx: PluginContext[Any]) -> None:
        seen.append(("async_two", ctx.name))

    handlers: list[Callable[..., object]] = [
        lambda event: seen.append(("one", "")),
        lambda event, ctx: seen.append(("two", ctx.name)),
        async_one,
        async_two,
    ]
    subscriptions = [{"topic": "things", "handler": handler} for handler in handlers]
    for run in (None, up):
        host = hosted(run, subscriptions=subscriptions)
        async with host.running():
            host.publish("things")
            await wait_all_tasks_blocked()
        expected = [("async_one", ""), ("async_two", "one"), ("one", ""), ("two", "one")]
        assert sorted(seen) == expected
        seen.clear()


async def test_hook_register_subscriptions_are_in_line_without_a_task(
    autojump_clock: MockClock,
) -> None:
    """A synchronous handler has run when `publish` returns."""
    seen: list[Event] = []
    host = hosted(subscriptions=[{"topic": "things", "handler": seen.append}])
    async with host.running():
        host.publish("things")
        assert len(seen) == 1


@pytest.mark.parametrize("is_async", [False, True])
async def test_p09_events_wait_while_the_plugin_does(
    autojump_clock: MockClock, is_async: bool
) -> None:
    """Before the first start and between two attempts; longer, too, than a handler may take."""
    seen: list[int] = []

    async def run(ctx: PluginContext[Any]) -> None:
        await trio.sleep(60)
        ctx.started()
        await trio.sleep(10)
        raise ValueError("again")

    async def handle_async(event: Event) -> None:
        seen.append(event.data["number"])

    handler = handle_async if is_async else lambda event: seen.append(event.data["number"])
    subscriptions = [{"topic": "things", "handler": handler}]
    host = hosted(run, Limits(start=100.0), subscriptions=subscriptions)
    async with host.running():
        host.publish("things", 1)
        host.publish("things", 2)
        await trio.sleep(59)
        assert seen == []
        await trio.sleep(2)
        assert seen == [1, 2]
        await trio.sleep(10)
        host.publish("things", 3)
        await trio.sleep(30)
        assert seen == [1, 2]
        await trio.sleep(60)
        assert seen == [1, 2, 3]


async def test_hook_register_sinks_functions_and_objects_with_and_without_ctx(
    autojump_clock: MockClock,
) -> None:
    """The delivery sees one form: an object that writes a batch, and may be opened."""
    seen: list[tuple[str, int]] = []

    async def function(events: Sequence[Event]) -> None:
        seen.append(("function", len(events)))

    async def function_with_ctx(events: Sequence[Event], ctx: PluginContext[Any]) -> None:
        seen.append((f"function of {ctx.name}", len(events)))

    class Opened:
        async def __aenter__(self) -> Self:
            seen.append(("opened", 0))
            return self

        async def __aexit__(self, *_: object) -> None:
            seen.append(("closed", 0))

        async def write(self, events: Sequence[Event], ctx: PluginContext[Any]) -> None:
            seen.append((f"object of {ctx.name}", len(events)))

    sinks = [
        {"name": "a", "sink": function},
        {"name": "b", "sink": function_with_ctx},
        {"name": "c", "sink": Opened()},
    ]
    host = hosted(sinks=sinks)
    async with host.running() as runner:
        for rule in runner.bound_sinks():
            async with rule.sink:  # type: ignore[union-attr] # bound: it opens
                await rule.sink.write([])  # type: ignore[union-attr]
    assert [what for what, _ in seen] == [
        "function",
        "function of one",
        "opened",
        "object of one",
        "closed",
    ]
    assert [rule.name for rule in host.runners[0].bound_sinks()] == ["one.a", "one.b", "one.c"]


async def test_p15_a_sink_waits_while_its_plugin_does(autojump_clock: MockClock) -> None:
    """`NotReady` is what the delivery understands; nothing counts against an event."""

    async def write(events: Sequence[Event]) -> None: ...

    async def run(ctx: PluginContext[Any]) -> None:
        await trio.sleep(5)
        await up(ctx)

    host = hosted(run, sinks=[{"name": "a", "sink": write}])
    async with host.running() as runner:
        [rule] = runner.bound_sinks()
        with pytest.raises(NotReady, match="plugin one is waiting"):
            await rule.sink.write([])  # type: ignore[union-attr]
        await runner.wait_settled()
        await rule.sink.write([])  # type: ignore[union-attr]


async def test_hook_backfill_is_given_ctx_and_gap(autojump_clock: MockClock) -> None:
    """What it returns comes back; a plugin without the hook answers None."""
    plugin = plugin_object()

    @hookimpl
    async def trunkline_backfill(ctx: PluginContext[Any], gap: Gap) -> list[Mapping[str, Any]]:
        return [{"type": "missed", "by": ctx.name, "topic": gap.topic}]

    plugin.trunkline_backfill = trunkline_backfill
    moment = Event("x", "y", {}).received_at
    gap = Gap("things", "reconnect", moment, moment, 2)
    host = Host(loaded(one=plugin, two=plugin_object()))
    async with host.running():
        one, two = host.runners
        assert [each.plugin.has_backfill for each in (one, two)] == [True, False]
        assert await one.backfill(gap) == [{"type": "missed", "by": "one", "topic": "things"}]
        assert await two.backfill(gap) is None


async def test_p02_a_message_costs_no_hook_call(autojump_clock: MockClock) -> None:
    """Whatever plugins are there: hooks are called while loading, tables do the rest."""
    seen: list[Event] = []
    host = hosted(up, topics=["things"], subscriptions=[{"topic": "*", "handler": seen.append}])
    hooks = host.runners[0].plugin.hooks
    async with host.running():
        before = hooks.call_count
        for number in range(10_000):
            message = {"topic": "things", "type": "test", "n": number}
            host.router.route(message, 50, epoch=1, received=WALL)
            if number % 100 == 0:
                await wait_all_tasks_blocked()
        await wait_all_tasks_blocked()
        assert hooks.call_count == before > 0
    assert len(seen) == 10_000


@pytest.mark.parametrize("error", [ValueError("boom"), SystemExit(1)])
@pytest.mark.parametrize("run", [None, up])
async def test_p16_a_handler_that_fails_is_counted_and_called_again(
    autojump_clock: MockClock, error: BaseException, run: Run | None
) -> None:
    """Neither the host nor its neighbours notice."""
    seen: list[Event] = []

    def bad(event: Event) -> None:
        raise error

    handlers = [{"topic": "things", "handler": handler} for handler in (bad, seen.append)]
    host = hosted(run, subscriptions=handlers)
    async with host.running() as runner:
        for _ in range(3):
            host.publish("things")
        await wait_all_tasks_blocked()
        assert host.router.statistics().handler_errors == {"one": 3}
        assert runner.record.state.value == "running"
    assert len(seen) == 3
