"""Asynchronous callbacks: one worker each, in order, under a deadline, ending with their scope."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
import trio
from panic import Panic
from trio.testing import MockClock, wait_all_tasks_blocked

from trunkline.events import Event, Gap
from trunkline.routing.router import Router

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
GAP = Gap("*", "reconnect", MOMENT, MOMENT, 2)


@pytest.fixture
def router(nursery: trio.Nursery) -> Router:
    """One that runs its workers for as long as the test."""
    router = Router(clock=trio.current_time)
    router.serve(nursery)
    return router


def event(n: int) -> Event:
    """An event with a number."""
    return Event("t", "k", {"n": n})


Got = list[object]
Handler = Callable[[Event], Awaitable[None]]


def keeping(into: Got, delay: float = 0.0) -> Handler:
    """A handler that keeps each event's `n`, and takes `delay` seconds for it."""

    async def handler(event: Event) -> None:
        await trio.sleep(delay)
        into.append(event.get("n"))

    return handler


async def test_worker_takes_events_in_order_one_at_a_time(
    router: Router, autojump_clock: MockClock
) -> None:
    """However long each takes."""
    got: Got = []
    router.subscribe("t", keeping(got, 1.0))
    for n in range(3):
        router.publish(event(n))
    await trio.sleep(2.5)
    assert got == [0, 1]
    await trio.sleep(1)
    assert got == [0, 1, 2]


async def test_b2_slow_worker_does_not_slow_another(
    router: Router, autojump_clock: MockClock
) -> None:
    """Each has a mailbox and a task of its own."""
    slow: Got = []
    quick: Got = []
    router.subscribe("t", keeping(slow, 10.0))
    router.subscribe("t", keeping(quick))
    for n in range(100):
        router.publish(event(n))
    await wait_all_tasks_blocked()
    assert (len(slow), len(quick)) == (0, 100)


async def test_p16_handler_over_its_time_is_counted_and_the_next_event_comes(
    router: Router, autojump_clock: MockClock
) -> None:
    """Thirty seconds for one; then the next."""
    got: Got = []

    async def handler(event: Event) -> None:
        if event.get("n") == 0:
            await trio.sleep_forever()
        got.append(trio.current_time() - started)

    started = trio.current_time()
    router.subscribe("t", handler, owner="slow")
    router.publish(event(0))
    router.publish(event(1))
    await trio.sleep(31)
    assert got == [pytest.approx(30)]
    assert router.statistics().handler_errors == {"slow": 1}


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(2), Panic(), trio.TooSlowError()])
async def test_p16_worker_survives_what_its_handler_raises(
    router: Router, error: BaseException
) -> None:
    """Also when it comes out of a nursery of the handler's own."""
    got: Got = []

    async def fail() -> None:
        raise error

    async def handler(event: Event) -> None:
        got.append(event.get("n"))
        if event.get("n") == 0:
            raise error
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)

    router.subscribe("t", handler, owner="bad")
    for n in range(3):
        router.publish(event(n))
    await wait_all_tasks_blocked()
    assert got == [0, 1, 2]
    assert router.statistics().handler_errors == {"bad": 3}


async def test_undo_lets_the_event_in_hand_finish_and_nothing_after_it(
    router: Router, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """The worker ends at its next wait; what was in its mailbox is dropped."""
    got: Got = []
    undo = router.subscribe("t", keeping(got, 1.0))
    for n in range(3):
        router.publish(event(n))
    await trio.sleep(0.5)
    undo()
    assert router.subscription_count() == 0
    router.publish(event(3))
    await trio.sleep(5)
    assert got == [0]
    assert not nursery.child_tasks


async def test_worker_that_is_cancelled_ends_its_subscription(router: Router) -> None:
    """With the nursery that was given for it, so that no mailbox fills for nobody."""
    async with trio.open_nursery() as own:
        router.subscribe("t", keeping([]), nursery=own)
        router.subscribe("t", keeping([]))
        await wait_all_tasks_blocked()
        own.cancel_scope.cancel()
    assert router.subscription_count() == 1


async def test_worker_ends_with_slow_consumer_where_the_rule_is_close(router: Router) -> None:
    """It handles what came before; its end is counted as an error of its owner."""
    got: Got = []
    router.subscribe("t", keeping(got), buffer=2, overflow="close", owner="slow")
    for n in range(4):
        router.publish(event(n))
    await wait_all_tasks_blocked()
    assert got == [0, 1]
    assert router.subscription_count() == 0
    assert router.statistics().handler_errors == {"slow": 1}


async def test_gate_keeps_events_in_the_mailbox(router: Router) -> None:
    """Within its bounds; whoever unsubscribes meanwhile is not called any more."""
    got: Got = []
    other: Got = []
    up = trio.Event()
    router.subscribe("t", keeping(got), buffer=2, gate=up.wait)
    undo = router.subscribe("t", keeping(other), gate=up.wait)
    for n in range(4):
        router.publish(event(n))
    await wait_all_tasks_blocked()
    undo()
    assert router.statistics().waiting_count == 2
    up.set()
    await wait_all_tasks_blocked()
    assert got == [2, 3]
    assert other == []


async def test_gp2_gaps_go_to_on_gap_in_their_place(router: Router) -> None:
    """Of a worker in order with its events; one that is async makes a worker by itself."""
    got: Got = []

    async def on_gap(gap: Gap) -> None:
        got.append(gap.topic)

    router.subscribe("t", keeping(got), on_gap=lambda gap: got.append(gap.cause))
    router.subscribe("u", lambda _: None, on_gap=on_gap)
    router.publish(event(1))
    router.gap(GAP)
    router.publish(event(2))
    await wait_all_tasks_blocked()
    assert [item for item in got if item != "u"] == [1, "reconnect", 2]
    assert "u" in got


async def test_on_gap_that_raises_is_counted_like_a_handler(router: Router) -> None:
    """In line and in a worker; the events go on."""
    got: Got = []

    def broken(gap: Gap) -> None:
        raise ValueError

    router.subscribe("t", keeping(got), on_gap=broken, owner="async")
    router.subscribe("t", lambda event: got.append(event.get("n")), on_gap=broken, owner="sync")
    router.gap(GAP)
    router.publish(event(1))
    await wait_all_tasks_blocked()
    assert got == [1, 1]
    assert router.statistics().handler_errors == {"async": 1, "sync": 1}


async def test_gap_is_not_told_to_whoever_left_on_hearing_of_it(router: Router) -> None:
    """Dispatch of a gap goes through a snapshot, as that of an event does."""
    got: Got = []

    def leave(_: Gap) -> None:
        got.append("first")
        router.clear()

    for _ in range(3):
        router.subscribe("t", lambda _: None, on_gap=leave)
    router.gap(GAP)
    assert got == ["first"]


async def test_async_callables_of_every_kind_have_a_worker(router: Router) -> None:
    """Methods and objects that are called, not only functions."""

    class Handler:
        def __init__(self) -> None:
            self.got: Got = []

        async def __call__(self, event: Event) -> None:
            self.got.append(event.get("n"))

        async def method(self, event: Event) -> None:
            self.got.append(event.get("n"))

    handler = Handler()
    router.subscribe("t", handler)
    router.subscribe("t", handler.method)
    router.publish(event(1))
    assert handler.got == []
    await wait_all_tasks_blocked()
    assert handler.got == [1, 1]
