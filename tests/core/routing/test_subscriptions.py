"""How subscriptions begin, are counted, and end without leaving a trace."""

import gc
import tracemalloc

import pytest
import trio
from examples import examples

from trunkline.errors import StateError
from trunkline.events import Event
from trunkline.routing.router import Router

ROUTING = tracemalloc.Filter(inclusive=True, filename_pattern="*/trunkline/routing/*")


def ignore(_: Event) -> None:
    """A callback."""


async def ignore_async(_: Event) -> None:
    """A callback that has a worker."""


def test_subscriptions_are_counted_by_topic_and_in_all() -> None:
    """Topics that somebody listens to are listed, sorted; `*` is one of them."""
    router = Router()
    undo = router.subscribe("b", ignore)
    router.subscribe("a", ignore, where={"n": [1, 2]})
    router.subscribe("a", ignore)
    router.subscribe("*", ignore)
    assert router.topics() == ("*", "a", "b")
    assert [router.subscription_count(topic) for topic in ("a", "b", "c", None)] == [2, 1, 0, 4]
    undo()
    assert router.topics() == ("*", "a")
    assert router.statistics().subscription_count == 3


def test_su4_undo_twice_is_undo_once() -> None:
    """The second call does nothing, also to a later subscription of the same callback."""
    router = Router()
    undo = router.subscribe("a", ignore, where={"n": 1})
    undo()
    router.subscribe("a", ignore, where={"n": 1})
    undo()
    assert router.subscription_count("a") == 1


def test_clear_ends_one_topic_or_all() -> None:
    """It tells how many; clearing what is empty is no error."""
    router, got = Router(), list[Event]()
    for topic in ("a", "a", "b", "*"):
        router.subscribe(topic, got.append)
    assert router.clear("a") == 2
    assert router.clear("a") == 0
    router.publish(Event("a", "k", {}))
    assert len(got) == 1
    assert router.clear() == 2
    assert router.topics() == ()


async def test_su4_leaving_the_scope_of_a_stream_unsubscribes_once() -> None:
    """By its end, by an exception or by a cancel; after a clear there is nothing left to do."""
    router = Router()
    async with router.events("a"):
        assert router.subscription_count("a") == 1
    assert router.subscription_count() == 0
    with pytest.raises(KeyError):
        async with router.events("a"):
            raise KeyError
    assert router.subscription_count() == 0
    with trio.move_on_after(0):
        async with router.events("a") as events:
            await anext(events)
    assert router.subscription_count() == 0
    async with router.events("a"):
        assert router.clear() == 1
        router.subscribe("a", ignore)
    assert router.subscription_count() == 1


def test_closed_router_calls_nobody() -> None:
    """What comes after the end is not handed out, though nobody has unsubscribed."""
    router, got = Router(), list[Event]()
    router.subscribe("a", got.append)
    router.close()
    router.publish(Event("a", "k", {}))
    assert got == []


def test_stream_that_is_never_entered_is_no_subscription() -> None:
    """It begins with its scope and not before."""
    router = Router()
    router.events("a")
    assert router.subscription_count() == 0


async def test_thousand_subscriptions_leave_nothing_behind(
    nursery: trio.Nursery,
) -> None:
    """Of every kind, with keys of their own, beside some that stay: no object, task or memory."""
    router = Router()
    router.serve(nursery)
    staying = [
        router.subscribe("t", ignore, where={"id": "stays"}),
        router.subscribe("t", ignore, where={"id": "stays", "kind": "x"}),
    ]

    async def come_and_go(name: str) -> None:
        undos = []
        for number in range(250):
            own_id, own_path = f"{name}-{number}", f"{name}{number}"
            key = {"id": own_id, "kind": ["x", "y"]}
            undos.append(router.subscribe(f"{name}{number}", ignore, owner="plugin"))
            undos.append(router.subscribe("t", ignore, where={own_path: 1}))
            undos.append(router.subscribe("t", ignore, where=key))
            undos.append(router.subscribe("t", lambda _: None, where=lambda _: True))
            undos.append(router.subscribe("t", ignore_async, where={"id": own_id}))
        router.publish(Event("t", "k", {"id": f"{name}-7", "kind": "x"}))
        await trio.testing.wait_all_tasks_blocked()
        for undo in reversed(undos):
            undo()
        await trio.testing.wait_all_tasks_blocked()

    tracemalloc.start()
    held = []
    for name in ("first", "second", "third"):  # the first two let dicts reach their size
        await come_and_go(name)
        gc.collect()
        ours = tracemalloc.take_snapshot().filter_traces([ROUTING])  # others allocate meanwhile
        size = sum(each.size for each in ours.statistics("filename"))
        held.append((size, len(gc.get_objects())))
    tracemalloc.stop()
    assert router.subscription_count() == len(staying)
    assert router.topics() == ("t",)
    assert not nursery.child_tasks
    assert held[2][0] - held[1][0] < 2 * 1024
    assert held[2][1] - held[1][1] < 50


@pytest.mark.unmeasured
async def test_acceptance_15_subscriptions_that_leave_are_gone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Undone, left by the end of a scope, or cancelled: nothing is kept of 6,000, or of 300,000."""
    router = Router()

    async def cycles(count: int) -> None:
        for _ in range(count):
            undo = router.subscribe("t", ignore, where={"id": "x"})
            undo()
            undo()
            async with router.events("t"):
                pass
            with trio.CancelScope() as scope:
                async with router.events("*") as events:
                    scope.cancel()
                    await anext(events)

    await cycles(100)
    gc.collect()
    before = len(gc.get_objects())
    await cycles(examples(2_000))
    gc.collect()
    assert router.subscription_count() == 0
    assert len(gc.get_objects()) - before < 50


def test_idle_subscription_takes_at_most_a_kibibyte() -> None:
    """With a synchronous callback and a key of its own."""
    router = Router()
    gc.collect()
    tracemalloc.start()
    undos = [
        router.subscribe("t", ignore, where={"execution_id": f"id-{number}"}, owner="plugin")
        for number in range(1000)
    ]
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(undos) == router.subscription_count()
    assert used / len(undos) <= 1024


async def test_async_callback_without_a_nursery_is_refused() -> None:
    """There is nobody to run it, and that is said at once."""
    router = Router()
    with pytest.raises(StateError, match="asynchronous"):
        router.subscribe("a", ignore_async)
    assert router.subscription_count() == 0


async def test_su4_a_nursery_that_is_closed_takes_nobody() -> None:
    """And nothing is left behind whose mailbox would fill for ever."""
    router = Router()
    async with trio.open_nursery() as nursery:
        pass
    with pytest.raises(RuntimeError, match="closed"):
        router.subscribe("t", ignore_async, nursery=nursery)
    assert router.subscription_count() == 0
