"""Running: started, restarted, given up, stopped; and nothing borrowed outlives its attempt."""

import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Self

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trunkline import Event, Gap, PluginContext, PluginInfo, hookimpl
from trunkline.activity.tracker import Tracker
from trunkline.config import config_from_mapping
from trunkline.errors import NotReady, PluginError, PluginFatal
from trunkline.plugin.discover import found_object
from trunkline.plugin.lease import PUBLISH_LIMIT, Services
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.runner import Limits, PluginRunner, stop_in_order
from trunkline.plugin_api import Sinks, Subscriptions, Topics
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


@attrs.frozen
class Settings:
    password: str = "own-config"


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


def hosted(run: Run | None = None, limits: Limits | None = None, **arguments: Any) -> Host:
    """A host of one plugin, called `one`."""
    return Host(loaded(one=plugin_object(run, **arguments)), limits)


async def up(ctx: PluginContext[Any]) -> None:
    """A plugin's task that starts and works on."""
    ctx.started()
    await trio.sleep_forever()


# states


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


# clean-up


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


# what ctx gives


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
        for verb in (old.barrier, lambda: old.send({"type": "x"})):
            with pytest.raises(PluginError, match="ended with its attempt"):
                await verb()
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


async def test_p13_publish_takes_owned_topics_and_json_alone(autojump_clock: MockClock) -> None:
    """Corpus 79: a foreign topic, 10 MiB, what JSON cannot hold: that call raises."""
    errors: list[str] = []

    async def run(ctx: PluginContext[Any]) -> None:
        for topic, data in (
            ("foreign", {}),
            ("mine", {"text": "x" * PUBLISH_LIMIT}),
            ("mine", {"what": object()}),
        ):
            try:
                ctx.publish(topic, "test", data)
            except PluginError as exc:
                errors.append(str(exc))
        await up(ctx)

    async with hosted(run, topics=["mine"]).running():
        pass
    assert errors[0] == "plugin one does not own topic `foreign`; it owns: mine"
    assert "bytes; at most" in errors[1]
    assert "is not JSON" in errors[2]


async def test_p13_a_published_event_is_its_own_copy(autojump_clock: MockClock) -> None:
    """What the plugin does to its dict afterwards is its own business."""
    data = {"counts": [1]}
    published: list[Event] = []

    async def run(ctx: PluginContext[Any]) -> None:
        ctx.subscribe("mine", published.append)
        assert ctx.publish("mine", "summary", data).id
        data["counts"].append(2)
        await up(ctx)

    async with hosted(run, topics=["mine"]).running():
        [event] = published
        assert (event.type, event.origin, event.get("counts")) == ("summary", "local", [1])
        assert event.received_at.timestamp() == WALL


async def test_p13_send_and_barrier_reach_the_connection(autojump_clock: MockClock) -> None:
    """And the server's reply comes back."""
    replies: list[object] = []

    async def run(ctx: PluginContext[Any]) -> None:
        replies.append(await ctx.send({"type": "command"}))
        await ctx.barrier()
        await up(ctx)

    host = hosted(run)
    async with host.running():
        pass
    assert host.sender.sent == [{"type": "command"}, "barrier"]
    assert replies == [{"ok": True}]


async def test_p13_a_note_is_one_short_line(autojump_clock: MockClock) -> None:
    """The last one counts."""

    async def run(ctx: PluginContext[Any]) -> None:
        ctx.note("first")
        ctx.note("two\nlines " + "x" * 500)
        await up(ctx)

    async with hosted(run).running() as runner:
        assert runner.note.startswith("two lines xxx")
        assert len(runner.note) == 200


async def test_p18_neither_token_nor_another_config_is_reachable_from_ctx(
    autojump_clock: MockClock,
) -> None:
    """A walk over every attribute and item, private ones too, and over methods' objects."""
    contexts: list[PluginContext[Any]] = []

    async def run(ctx: PluginContext[Any]) -> None:
        contexts.append(ctx)
        await up(ctx)

    @attrs.frozen
    class Other:
        password: str = "other-config"

    host = Host(loaded(one=plugin_object(run, config=Settings), two=plugin_object(config=Other)))
    async with host.running():
        texts = reachable_texts(contexts[0])
    assert "own-config" in texts
    assert "canary-token" not in texts
    assert "other-config" not in texts


def reachable_texts(root: object) -> set[str]:
    """Return every text that attributes and items lead to; classes and modules are left out."""
    texts: set[str] = set()
    seen: set[int] = set()
    waiting = [root]
    keep = []  # what is made while walking must not be freed, or its id would come again
    while waiting:
        thing = waiting.pop()
        keep.append(thing)
        if id(thing) in seen or isinstance(thing, type) or type(thing).__name__ == "module":
            continue
        seen.add(id(thing))
        if isinstance(thing, str):
            texts.add(thing)
            continue
        if isinstance(thing, Mapping):
            waiting += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set | frozenset):
            waiting += thing
        waiting.append(getattr(thing, "__self__", None))
        waiting += vars(thing).values() if hasattr(thing, "__dict__") else ()
        slots = [slot for cls in type(thing).__mro__ for slot in getattr(cls, "__slots__", ())]
        waiting += [getattr(thing, slot, None) for slot in slots]
        if type(thing).__module__.startswith("trunkline"):
            waiting += [getattr(thing, name, None) for name in dir(thing) if name[0] != "_"]
    return texts


# registered subscriptions and sinks


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


# F19


async def test_f19_bad_plugins_beside_a_good_one(autojump_clock: MockClock) -> None:
    """The good one loses nothing; each bad one is named, waiting, and tried again for ever."""
    seen: list[int] = []

    async def raises(ctx: PluginContext[Any]) -> None:
        raise ValueError("boom")

    async def hangs(ctx: PluginContext[Any]) -> None:
        await trio.sleep_forever()

    async def not_ready(ctx: PluginContext[Any]) -> None:
        raise NotReady("the disk is away")

    async def leaks(ctx: PluginContext[Any]) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(1000):
                nursery.start_soon(trio.sleep_forever)
            raise ValueError("leak")

    async def exits(ctx: PluginContext[Any]) -> None:
        raise SystemExit(1)

    async def recurses(ctx: PluginContext[Any]) -> None:
        await recurses(ctx)

    async def swallows(ctx: PluginContext[Any]) -> None:
        try:
            await trio.sleep_forever()
        except BaseException:  # noqa: BLE001, S110 - what a plugin may do
            pass

    bad = {
        "raises": (raises, "ValueError: boom"),
        "hangs": (hangs, "no `ctx.started()` within 30 s"),
        "not_ready": (not_ready, "the disk is away"),
        "leaks": (leaks, "ValueError: leak"),
        "exits": (exits, "SystemExit: 1"),
        "recurses": (recurses, "RecursionError: maximum recursion depth exceeded"),
        "swallows": (swallows, "no `ctx.started()` within 30 s"),
    }
    plugins = {name: plugin_object(run) for name, (run, _) in bad.items()}
    good = plugin_object(
        subscriptions=[{"topic": "things", "handler": lambda e: seen.append(e.data["number"])}]
    )
    host = Host(loaded(good=good, **plugins))
    async with host.running():
        for number in range(600):
            host.publish("things", number)
            await trio.sleep(1)
        records = {runner.record.name: runner.record for runner in host.runners}
    assert seen == list(range(600))
    for name, (_, reason) in bad.items():
        assert records[name].state.value == "waiting"
        assert records[name].reason.startswith(reason)
        assert records[name].retry_at is not None
        tries = [record for record in host.records if record.name == name and record.retry_at]
        assert len(tries) > 3
    assert records["good"].state.value == "running"


def test_limits_have_the_documented_defaults() -> None:
    """30 s to start, 15 s to stop; no limit is infinite."""
    assert attrs.astuple(Limits()) == (30.0, 15.0)
    assert all(math.isfinite(limit) for limit in attrs.astuple(Limits()))
