"""The whole pipeline in virtual time: gaps, dead letters, order and bounds, and nothing that ends it."""

import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from outbox_bench import Recorder, rule, running
from pipeline_bench import Link, balance, told

from trunkline.activity.inbox import INBOX_RECORDS, Inbound
from trunkline.activity.outbox import Bounds, inbound_row
from trunkline.activity.stages import Stages
from trunkline.activity.tracker import Tracker
from trunkline.errors import NotReady, Reject
from trunkline.events import Event, Gap
from trunkline.routing.router import Router


async def test_a2_no_argument_hook_or_row_ends_the_host(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It costs itself, by name, and what comes with it is stored."""

    class Odd(str):
        __slots__ = ()

        def lower(self) -> str:
            raise RuntimeError

    def exits(event: Event) -> Event:
        if event.get("name") == "exits":
            sys.exit(1)
        return event

    tracker = Tracker(environ={}, application="shop\ud800")
    sink = Recorder()
    stages = Stages(before_send=exits, application=tracker.application)
    topics = ("activity", "t")
    known: list[Any] = []
    async with running(rule(sink, topics=topics), tracker=tracker, stages=stages) as (_, activity):
        tracker.forget(42)  # type: ignore[arg-type] # the mistake
        tracker.identify("u\ud800" + "x" * 3_000_000, {"a\ud800": 1})
        event = Event("t", "k\ud800\0" + "x" * 500, {}, received=1.0)
        odd = inbound_row(event)._replace(type="\ud800")
        for row in (inbound_row(event), odd):
            tracker.inbox.put(Inbound(row, row.size), row.size, always=True)
        for name in ("exits", "kept"):
            tracker.track_action(name, subject="s")
        assert (await tracker.flush(5)).is_done
        known.append(tracker.known)
        tracker.identify("v", {Odd("a"): 1})
        assert (await tracker.flush(5)).is_done
        known.append(tracker.known)
        dropped = {"before_send": {"raised": 1}, "outbox": {"raised": 1}, "stages": {"raised": 1}}
        assert activity.statistics().dropped == dropped
    assert [event.type for event in sink.events] == ["k\ufffd\ufffd" + "x" * 125, "action"]
    assert known == [("u\ufffd" + "x" * 126, {"a\ufffd": 1}), (None, {})]
    assert tracker.refused == {"invalid": 1}


async def test_a25_a_gap_is_written_in_its_place_and_inbound_waits_for_room(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Half the inbox is for what is recorded here."""
    sink = Recorder()
    router = Router()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    async with running(rule(sink, topics=("audit",))) as (tracker, activity), trio.open_nursery() as nursery:  # fmt: skip
        await nursery.start(activity.follow, router)
        router.publish(Event("audit", "before", {}))
        router.gap(Gap("*", "reconnect", moment, moment, 2))
        router.publish(Event("audit", "deep", {"deep": deep}))
        router.publish(Event("audit", "after", {}))
        await trio.sleep(1)
        assert [event.type for event in sink.events] == ["before", "gap", "after"]
        assert sink.events[1].topic == "audit"
        assert activity.statistics().dropped == {"outbox": {"not_json": 1}}
        for _ in range(INBOX_RECORDS * 3 // 4):
            tracker.track_action("busy")
        router.publish(Event("audit", "waits", {}))
        await trio.sleep(5)
        assert [event.type for event in sink.events][3:] == ["waits"]
        router.close()


async def test_a26_poison_is_a_dead_letter_after_five_failures_also_across_a_restart(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """The count is in the file; everything else is delivered, once."""
    alone = 0
    written: list[str] = []

    async def picky(events: Any) -> None:
        nonlocal alone
        await trio.lowlevel.checkpoint()
        if any(event.get("name") == "bad" for event in events):
            alone += len(events) == 1
            raise RuntimeError("cannot")
        written.extend(event.get("name") for event in events)

    path = tmp_path / "o.db"
    async with running(rule(picky, batch=8), path=path) as (tracker, _):
        for number in range(16):
            tracker.track_action("bad" if number == 5 else str(number))
        while alone < 3:  # noqa: ASYNC110 - virtual time
            await trio.sleep(1)
    for _ in range(2):
        async with running(rule(picky, batch=8), path=path) as (tracker, activity):
            assert (await tracker.flush(3600)).is_done
            [figures] = activity.statistics().sinks
            assert figures.letter_count == 1
    assert alone == 5
    assert written == [str(number) for number in range(16) if number != 5]


async def test_a28_a_replay_beside_the_host_is_delivered_at_once(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """Exactly that one, with its id."""
    from trunkline.activity.outbox.letterbox import open_letterbox

    sink = Recorder(Reject({1: "too odd"}))
    async with running(rule(sink), path=tmp_path / "o.db") as (tracker, activity):
        ids = [tracker.track_action(name) for name in "abc"]
        await tracker.flush(5)
        with open_letterbox(tmp_path / "o.db") as box:
            [letter] = box.letters()
            assert letter.event.id == ids[1]
            box.replay([letter])
        await trio.sleep(5)
        assert sink.events[-1].id == ids[1]
        [figures] = activity.statistics().sinks
        assert (figures.letter_count, figures.waiting_count) == (0, 0)


async def test_what_a_sink_has_taken_is_noted_even_when_the_host_is_cancelled(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """An orderly end repeats nothing."""
    path = tmp_path / "o.db"
    sink = Recorder()
    scope = trio.CancelScope()

    def at(name: str) -> None:
        if name == "written":
            scope.cancel()

    with scope:
        async with running(rule(sink), path=path, at=at) as (tracker, _):
            tracker.track_action("a")
            await trio.sleep_forever()
    async with running(rule(sink), path=path) as (tracker, _):
        tracker.track_action("b")
        assert (await tracker.flush(5)).is_done
    assert sink.names == ["a", "b"]


async def test_too_many_dead_letters_are_told(
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The oldest go, with their count."""
    monkeypatch.setattr("trunkline.activity.outbox.dead.LETTERS", 2)
    odd = Recorder(Reject(dict.fromkeys(range(5), "odd")))
    async with running(rule(odd)) as (tracker, activity):
        for number in range(5):
            tracker.track_action(str(number))
        await tracker.flush(5)
        [figures] = activity.statistics().sinks
        assert (figures.dead_count, figures.letter_count) == (5, 2)
    assert [line["dropped"] for line in told(caplog, "outbox.letters_full")] == [3]


async def _hurry(link: Link) -> None:
    """Do not wait a second after each failure."""
    while True:
        link.tell(None)
        await trio.sleep(0.01)


async def test_b4_each_subject_keeps_its_order_from_eight_threads_over_failures() -> None:
    """A real thread each, a hundred subjects, a sink that fails now and then; nothing is missing."""
    import random

    rng, link = random.Random(4), Link()
    link.account = "alice"
    seen: list[Event] = []
    failures = 0

    async def shaky(events: Any) -> None:
        nonlocal failures
        await trio.lowlevel.checkpoint()
        if failures < 20 and rng.random() < 0.3:
            failures += 1
            raise NotReady("link lost", retry_after=0.0)
        seen.extend(events)

    async with (
        running(rule(shaky, batch=64, greets=True), link=link) as (tracker, activity),
        trio.open_nursery() as ending,
    ):
        ending.start_soon(_hurry, link)

        def work(thread: int) -> None:
            for number in range(250):
                tracker.track_action("a", {"n": number}, subject=f"{thread}-{number % 12}")
                if number % 25 == 0:
                    threading.Event().wait(0.001)

        async with trio.open_nursery() as nursery:
            for thread in range(8):
                nursery.start_soon(trio.to_thread.run_sync, work, thread)
        assert (await tracker.flush(30)).is_done
        balance(activity, 2000)
        ending.cancel_scope.cancel()
    assert failures
    by_subject: dict[str, list[int]] = {}
    for event in seen:
        by_subject.setdefault(event.get("subject"), []).append(event.get("metadata.n"))
    assert len(by_subject) == 96
    assert all(numbers == sorted(numbers) for numbers in by_subject.values())


async def test_a23_a_day_offline_is_bounded_and_keeps_every_conversion(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Fifty a second for a virtual while, scaled: page views go, then actions, told by count."""
    away = Recorder(NotReady("away", retry_after=1e6))
    async with running(rule(away), bounds=Bounds(2000, 10**9)) as (tracker, activity):
        calls = 0
        for second in range(400):
            for n in range(48):
                tracker.track_page_view(f"/{n}") if n % 3 else tracker.track_action("a")
            tracker.track_conversion(f"c{second}", 1.0)
            calls += 49
            await trio.sleep(1)
        await tracker.flush(1, until="stored")
        [figures] = activity.statistics().sinks
        assert figures.waiting_count == activity.statistics().outbox_count == 2000
        assert set(figures.dropped) == {"page_view", "action"}
        balance(activity, calls)
        assert len(told(caplog, "outbox.full")) < 2 * 400 / 10
        assert sum(line["dropped"] for line in told(caplog, "outbox.full")) <= sum(figures.dropped.values())  # fmt: skip


async def test_what_is_left_in_memory_is_told_by_sink_and_kind(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends with the process."""
    away = Recorder(NotReady("away", retry_after=1e6))
    async with running(rule(away)) as (tracker, activity):
        tracker.track_action("a")
        tracker.track_conversion("b")
        await trio.sleep(5)
        start = trio.current_time()
        await activity.drain()
        assert trio.current_time() - start < 1
    async with running(rule(Recorder(NotReady("away")), "p.late")) as (tracker, activity):
        tracker.track_action("a")
        await activity.drain()  # its first try is its last
    left = {(line["sink"], line["type"]): line["count"] for line in told(caplog, "outbox.lost")}
    assert left == {("p.sink", "action"): 1, ("p.sink", "conversion"): 1, ("p.late", "action"): 1}
