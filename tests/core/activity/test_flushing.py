"""A flush through the whole pipeline, in virtual time: what it says is true for each sink."""

from pathlib import Path

import trio
import trio.testing
from outbox_bench import Recorder, rule, running
from pipeline_bench import balance

from trunkline.activity.tracker import Tracker
from trunkline.errors import NotReady, Reject


async def test_a6_a_flush_says_what_is_true_for_each_sink(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Stored is not delivered; what cannot be done in time is not said to be done."""
    away, odd = Recorder(NotReady("away", retry_after=1e6)), Recorder(Reject({1: "odd"}))
    async with running(rule(away, "p.away"), rule(odd, "p.odd")) as (tracker, activity):
        for number in range(3):
            tracker.track_action(str(number))
        stored = await tracker.flush(5, until="stored")
        assert stored.is_done
        assert stored.waiting == 3
        report = await tracker.flush(5)
        assert not report.is_done
        assert (report.delivered, report.waiting, report.dead) == (0, 3, 1)
        sinks = report.sinks
        assert (sinks["p.away"].waiting, sinks["p.odd"].delivered, sinks["p.odd"].dead) == (3, 2, 1)
        balance(activity, 3)


async def test_a6_later_records_do_not_hold_a_flush_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It waits for what came before it, while others go on."""
    slow = Recorder(*[1.0] * 50)
    async with running(rule(slow, batch=1)) as (tracker, _), trio.open_nursery() as nursery:

        async def go_on() -> None:
            while True:
                tracker.track_action("later")
                await trio.sleep(0.2)

        tracker.track_action("first")
        nursery.start_soon(go_on)
        with trio.fail_after(10):
            assert (await tracker.flush(20)).is_done
        nursery.cancel_scope.cancel()


async def test_a_flush_without_a_host_says_that_all_of_it_waits() -> None:
    """Nothing is stored, nothing done."""
    tracker = Tracker(environ={})
    tracker.track_action("a")
    report = await tracker.flush(0)
    assert (report.is_done, report.waiting) == (False, 1)


async def test_a6_a_flush_knows_of_a_replay_just_before(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """Also where nothing else was recorded: the dead letter is delivered before it says so."""
    from trunkline.activity.outbox.letterbox import open_letterbox

    sink = Recorder(Reject({0: "too odd"}))
    async with running(rule(sink, batch=1), path=tmp_path / "o.db") as (tracker, _):
        tracker.track_action("dead")
        assert (await tracker.flush(5)).is_done
        sink.events.clear()
        sink.answers = [0.1, 0.1]
        with open_letterbox(tmp_path / "o.db") as box:
            box.replay(box.letters())
        assert (await tracker.flush(5)).is_done
        assert sink.names == ["dead"]
