"""Delivery: each sink at its own pace, nothing lost silently, poison found."""

from collections.abc import Sequence
from typing import Self

import pytest
import trio
from outbox_bench import Recorder, rule, running
from panic import Panic

from trunkline.activity.outbox import IN_MEMORY
from trunkline.errors import NotReady, PluginFatal, Reject
from trunkline.events import Event
from trunkline.routing.router import Router


async def test_events_come_in_order_in_batches(autojump_clock: trio.testing.MockClock) -> None:
    """At most `batch` at once, `linger` late at most."""
    sink = Recorder()
    async with running(rule(sink, batch=10, linger=1.0)) as (tracker, activity):
        for number in range(25):
            tracker.track_action(str(number))
        report = await tracker.flush(5)
        assert sink.names == [str(number) for number in range(25)]
        assert max(sink.batches) == 10
        assert (report.delivered, report.waiting, report.dropped) == (25, 0, 0)
        assert activity.statistics().recorded_count == 25


async def test_a26_not_ready_waits_at_least_as_told_and_loses_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is no failure of the events."""
    sink = Recorder(NotReady("later", retry_after=45.0))
    async with running(rule(sink)) as (tracker, _):
        tracker.track_action("a")
        await trio.sleep(200)
        assert sink.names == ["a"]
        assert sink.times[1] - sink.times[0] >= 45


async def test_a26_rejected_events_are_dead_and_the_rest_is_delivered(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Named by their place in the batch."""
    sink = Recorder(Reject({1: "too odd"}))
    async with running(rule(sink, linger=1.0)) as (tracker, activity):
        for name in "abc":
            tracker.track_action(name)
        await trio.sleep(60)
        [statistics] = activity.statistics().sinks
        assert (statistics.delivered_count, statistics.dead_count) == (2, 1)
        assert "outbox.dead_letter" in [record.message for record in caplog.records]


@pytest.mark.parametrize("answers", [[Reject({0: "bad \ud800"})], [ValueError("bad \ud800")] * 5])
async def test_a26_whatever_a_sink_says_why_does_not_hold_up_what_comes_after(
    autojump_clock: trio.testing.MockClock, answers: list[Exception]
) -> None:
    """Text that no file takes is made storable."""
    sink = Recorder(*answers)
    async with running(rule(sink, batch=1)) as (tracker, activity):
        tracker.track_action("a")
        tracker.track_action("b")
        assert (await tracker.flush(600)).is_done
        [statistics] = activity.statistics().sinks
        assert (statistics.delivered_count, statistics.dead_count) == (1, 1)
        assert sink.names == ["b"]


async def test_a26_not_ready_out_of_a_nursery_is_not_ready(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """However often: a group of one is its cause."""
    tries = 0

    async def sink(events: Sequence[Event]) -> None:
        nonlocal tries
        tries += 1
        async with trio.open_nursery():
            if tries < 10:
                raise NotReady("the database is away")

    async with running(rule(sink)) as (tracker, activity):
        tracker.track_action("a")
        await trio.sleep(60)
        [statistics] = activity.statistics().sinks
        assert statistics.error == "the database is away"
        assert (await tracker.flush(600)).is_done
        [statistics] = activity.statistics().sinks
        assert (statistics.delivered_count, statistics.dead_count) == (1, 0)


async def test_a26_acceptance_12_poison_is_found_by_halving_and_given_up_after_five_failures_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One bad event of 64: 63 delivered, in order, one dead."""

    class Picky(Recorder):
        alone = 0

        async def write(self, events: Sequence[Event]) -> None:
            if any(event.get("name") == "bad" for event in events):
                self.alone += len(events) == 1
                raise RuntimeError("cannot")
            await super().write(events)

    sink = Picky()
    async with running(rule(sink, linger=1.0, batch=64)) as (tracker, activity):
        for number in range(64):
            tracker.track_action("bad" if number == 40 else str(number))
        await trio.sleep(3600)
        assert sink.names == [str(number) for number in range(64) if number != 40]
        assert sink.alone == 5
        [statistics] = activity.statistics().sinks
        assert (statistics.delivered_count, statistics.dead_count, statistics.error) == (63, 1, "")


async def test_f20_a_slow_or_dead_sink_delays_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One hangs for ever, one exits the process, one fails always; the fourth has everything at once."""

    async def hangs(events: Sequence[Event]) -> None:
        await trio.sleep_forever()

    async def exits(events: Sequence[Event]) -> None:
        raise SystemExit

    async def fails(events: Sequence[Event]) -> None:
        raise RuntimeError

    good = Recorder()
    rules = [rule(each, f"p.{each.__name__}") for each in (hangs, exits, fails)]
    async with running(*rules, rule(good, "p.good")) as (tracker, activity):
        for number in range(10):
            tracker.track_action(str(number))
            await trio.sleep(1)
        assert len(good.names) == 10
        waiting = {sink.name: sink.waiting_count for sink in activity.statistics().sinks}
        assert waiting["p.good"] == 0
        assert waiting["p.hangs"] == 10


async def test_a_write_that_takes_too_long_is_cancelled_and_tried_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """30 s for one batch."""
    sink = Recorder(1000.0)
    async with running(rule(sink)) as (tracker, _):
        tracker.track_action("a")
        await trio.sleep(120)
        assert sink.names == ["a"]
        assert sink.times[1] - sink.times[0] >= 30


async def test_a23_acceptance_11_a_full_queue_gives_up_page_views_first_and_conversions_never(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A virtual day offline: bounded, counted by kind."""
    stalled = Recorder(NotReady("away", retry_after=80_000.0))
    async with running(rule(stalled)) as (tracker, activity):
        tracker.track_conversion("kept", 1.0)
        for number in range(IN_MEMORY.events + 500):
            tracker.track_page_view(f"/{number}")
            if number % 500 == 0:
                tracker.track_conversion(f"c{number}", 1.0)
                await trio.sleep(0.001)
        await trio.sleep(1)
        [statistics] = activity.statistics().sinks
        assert statistics.waiting_count == IN_MEMORY.events
        conversions = 1 + (IN_MEMORY.events + 500 + 499) // 500
        assert statistics.dropped == {"page_view": 500 + conversions}
        await trio.sleep(86_400)
        kept = [name for name in stalled.names if name != "page_view"]
        assert len(kept) == conversions


async def test_a25_inbound_topics_reach_the_sinks_that_want_them(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """`activity` means what was recorded here; the server's copy is not written again."""
    audit, everything, local = Recorder(), Recorder(), Recorder()
    rules = [
        rule(audit, "p.audit", topics=("audit",)),
        rule(everything, "p.all", topics=("*",)),
        rule(local, "p.local"),
    ]
    router = Router()
    async with running(*rules) as (tracker, activity), trio.open_nursery() as nursery:
        await nursery.start(activity.follow, router)
        router.publish(Event("audit", "audit_event", {}))
        router.publish(Event("activity", "activity_update", {}))
        await trio.sleep(1)
        tracker.track_action("here")
        await trio.sleep(5)
        assert audit.names == ["audit_event"]
        assert everything.names == ["audit_event", "here"]
        assert local.names == ["here"]
        router.close()


async def test_draining_delivers_what_is_there_without_lingering(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """At a stop nobody waits for company."""
    sink = Recorder()
    async with running(rule(sink, linger=30.0)) as (tracker, activity):
        tracker.track_action("last")
        tracker.close()
        start = trio.current_time()
        await activity.drain()
        assert trio.current_time() - start < 1
        assert sink.names == ["last"]
        assert tracker.track_action("too late") is None
        assert tracker.refused == {"closing": 1}


async def test_a_sink_that_is_a_context_manager_is_opened_and_closed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Opened before the first batch, tried again if that fails, closed after the last."""

    class Opened(Recorder):
        log: list[str]

        async def __aenter__(self) -> Self:
            await trio.lowlevel.checkpoint()
            self.log.append("open")
            if len(self.log) == 1:
                raise OSError("not yet")
            return self

        async def __aexit__(self, *_: object) -> None:
            self.log.append("close")

    sink = Opened()
    sink.log = []
    async with running(rule(sink)) as (tracker, _):
        tracker.track_action("a")
        await trio.sleep(60)
        assert sink.names == ["a"]
    assert sink.log == ["open", "open", "close"]


class Shut(Recorder):
    """A sink that cannot be opened: by an error, or because it hangs."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__()
        self.error = error
        self.tries = 0

    async def __aenter__(self) -> Self:
        self.tries += 1
        if self.error is not None:
            raise self.error
        await trio.sleep_forever()

    async def __aexit__(self, *_: object) -> None:
        raise AssertionError("it was never open")


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (OSError("no such disk"), "waiting", "OSError: no such disk"),
        (SystemExit(1), "waiting", "SystemExit: 1"),
        (Panic("no"), "waiting", "Panic: no"),
        (NotReady("later", retry_after=5.0), "waiting", "later"),
        (None, "waiting", "TooSlowError"),
        (PluginFatal("no licence"), "failed", "no licence"),
    ],
    ids=["error", "exit", "panic", "not ready", "hangs", "fatal"],
)
async def test_p14_a_sink_that_cannot_be_opened_is_told_and_holds_up_nobody(
    autojump_clock: trio.testing.MockClock,
    error: BaseException | None,
    state: str,
    reason: str,
) -> None:
    """State and reason stand in the status, its neighbour gets everything, a stop does not wait."""
    shut, good = Shut(error), Recorder()
    rules = rule(shut, "p.shut"), rule(good, "p.good")
    async with running(*rules) as (tracker, activity):
        for number in range(10):
            tracker.track_action(str(number))
            await trio.sleep(60)
        told = {each.name: each for each in activity.statistics().sinks}
        assert (told["p.shut"].state, told["p.shut"].error) == (state, reason)
        assert told["p.shut"].waiting_count == 10
        assert good.names == [str(number) for number in range(10)]
        assert (shut.tries > 5) is (state == "waiting")
        tracker.close()
        with trio.fail_after(31):  # one that hangs is waited for as long as it may
            await activity.drain()
