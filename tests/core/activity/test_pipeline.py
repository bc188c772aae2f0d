"""The whole pipeline in virtual time: what a flush says, what fails and heals, what is forgotten."""

import logging
import os
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from outbox_bench import Recorder, rule, running

from trunkline.activity.activity import Activity
from trunkline.activity.inbox import INBOX_RECORDS, Inbound
from trunkline.activity.outbox import Bounds, inbound_row
from trunkline.activity.stages import Stages
from trunkline.activity.tracker import Tracker
from trunkline.errors import NotReady, OutboxLocked, Reject
from trunkline.events import Event, Gap
from trunkline.routing.router import Router


def told(caplog: pytest.LogCaptureFixture, name: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.message == name]


def balance(activity: Activity, calls: int) -> None:
    """For each sink: calls = refused + dropped in the stages + results + waiting, exactly."""
    figures = activity.statistics()
    before = sum(figures.refused.values()) + figures.inbox_count
    before += sum(sum(reasons.values()) for reasons in figures.dropped.values())
    for sink in figures.sinks:
        results = sink.delivered_count + sink.dead_count + sink.forgotten_count
        assert calls == before + results + sum(sink.dropped.values()) + sink.waiting_count


class Link:
    """A connection that says what it is told to."""

    account: str | None = None
    tell: Any = None

    def greet(self) -> None: ...

    def on_state_change(self, callback: Any) -> Any:
        self.tell = callback


# flush


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


# privacy


async def test_a16_forget_delivers_at_most_the_batch_in_flight(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """A thousand queued, others kept; records made just before are covered, later ones are not."""
    slow = Recorder(10.0)
    async with running(rule(slow, batch=10), path=tmp_path / "o.db") as (tracker, activity):
        for number in range(1000):
            tracker.track_action(f"canary-{number}", subject="u-canary")
        await tracker.flush(1, until="stored")
        await trio.sleep(1)
        tracker.track_action("canary-last", subject="u-canary")
        tracker.track_action("other", subject="v")
        tracker.forget("u-canary")
        tracker.track_action("after", subject="u-canary")
        assert (await tracker.flush(600)).is_done
        assert slow.names == [*(f"canary-{n}" for n in range(10)), "other", "after"]
        balance(activity, 1003)
    assert b"canary-5" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())  # noqa: ASYNC240 - a small file


async def test_a15_consent_is_asked_again_before_each_write(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Withdrawn while a record waits: it is deleted, not delivered."""
    willing = {"u", "v"}
    sink = Recorder(NotReady("away", retry_after=60.0))
    stages = Stages(consent=lambda subject: subject in willing)
    async with running(rule(sink), stages=stages) as (tracker, activity):
        for subject in ("u", "v", "w", None):
            tracker.track_action(f"of {subject}", subject=subject)
        await trio.sleep(1)
        willing.remove("u")
        await trio.sleep(200)
        assert sink.names == ["of v", "of None"]
        [figures] = activity.statistics().sinks
        assert figures.forgotten_count == 1
        assert activity.statistics().dropped == {"consent": {"refused": 1}}
        balance(activity, 4)
        willing.clear()
        tracker.track_action("of v again", subject="v")
        await trio.sleep(100)
        assert (await tracker.flush(10)).is_done


async def test_a15_a_batch_without_any_consent_is_no_write(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The sink is not called at all."""
    willing = [True]
    sink = Recorder(NotReady("away", retry_after=60.0))
    async with running(rule(sink), stages=Stages(consent=lambda _: willing[0])) as (tracker, _):
        tracker.track_action("a", subject="u")
        await trio.sleep(1)
        willing[0] = False
        assert (await tracker.flush(200)).is_done
        assert sink.events == []


async def test_a14_hooks_that_raise_deliver_nothing_and_are_told_without_content(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted by where and why; one line in ten seconds; the next record goes on."""

    def hook(event: Event) -> Event:
        if event.get("name") != "good":
            raise ValueError(f"canary {event.data}")
        return event

    sink = Recorder()
    async with running(rule(sink), stages=Stages(before_send=hook)) as (tracker, activity):
        for name in ("canary", "canary", "good"):
            tracker.track_action(name)
        await tracker.flush(5)
        assert sink.names == ["good"]
        assert activity.statistics().dropped == {"before_send": {"raised": 2}}
        balance(activity, 3)
    [line] = told(caplog, "activity.dropped")
    assert (line["source"], line["reason"], line["error"]) == (
        "before_send",
        "raised",
        "ValueError",
    )
    assert "canary" not in str([vars(record) for record in caplog.records])


async def test_a19_a_hook_that_does_not_return_is_named_once_and_hurts_no_caller(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The inbox fills, then refuses; once it returns everything goes on."""
    entered, release = threading.Event(), threading.Event()
    sink = Recorder()

    def hook(event: Event) -> Event:
        entered.set()
        release.wait(20)
        return event

    in_thread: Any = trio.to_thread.run_sync
    async with running(rule(sink), stages=Stages(before_send=hook), run_sync=in_thread) as (tracker, activity):  # fmt: skip
        tracker.track_action("stuck")
        while not entered.is_set():  # noqa: ASYNC110 - a thread is at work
            await trio.sleep(1)
        await trio.sleep(60)  # a thread looks idle to this clock: it jumps
        assert [line["reason"] for line in told(caplog, "activity.hook_stalled")] == ["before_send"]
        for _ in range(INBOX_RECORDS + 5):
            tracker.track_action("a")
        assert activity.statistics().refused == {"full": 6}
        release.set()
        while sink.names[:1] != ["stuck"]:  # noqa: ASYNC110 - a thread is at work
            await trio.sleep(1)


async def test_identify_is_told_in_the_hello_as_far_as_it_may_be(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A new hello at once; traits redacted; without consent neither subject nor traits."""
    greeted: list[Event] = []

    class Link:
        account = "alice"

        def greet(self) -> None:
            hello = tracker.session_hello()
            assert hello is not None
            greeted.append(hello)

        def on_state_change(self, _: Any) -> Any: ...

    tracker = Tracker(environ={})
    stages = Stages(consent=lambda subject: subject == "u")
    async with running(rule(Recorder()), tracker=tracker, link=Link(), stages=stages):
        tracker.identify("u", {"plan": "pro", "password": "canary", "home": "https://x/?t=1"})
        await tracker.flush(1)
        tracker.identify("v", {"plan": "pro"})
        tracker.identify(None)
        await tracker.flush(1)
    first, *others = greeted
    assert first.get("subject") == "u"
    assert first.get("traits") == {"plan": "pro", "password": "[redacted]", "home": "https://x/"}
    assert [(each.get("subject"), each.get("traits")) for each in others] == [(None, None)]


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


# inbound


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


# delivery over a restart


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


async def test_an_account_that_changes_while_nothing_waits_is_not_held(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """What comes then is the new one's, in this run and the next; what waits stays the old one's."""
    link, sink, path = Link(), Recorder(), tmp_path / "o.db"
    link.account = "alice"
    async with running(rule(sink, greets=True), path=path, link=link) as (tracker, _):
        tracker.track_action("of alice")
        assert (await tracker.flush(5)).is_done
        link.account = "bob"
        link.tell(None)
        tracker.track_action("of bob")
        assert (await tracker.flush(5)).is_done
        sink.answers = [NotReady("busy", retry_after=1e6)]
        tracker.track_action("bob's too")
        assert not (await tracker.flush(5)).is_done
        link.account = "alice"
        link.tell(None)
        assert not (await tracker.flush(5)).is_done
    link.account = "bob"
    async with running(rule(sink, greets=True), path=path, link=link) as (tracker, _):
        assert (await tracker.flush(5)).is_done
    assert sink.names == ["of alice", "of bob", "bob's too"]


async def test_a_file_of_another_account_is_held_and_said(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Not sent under this one; under its own it goes. Anonymous records go to the first account."""

    link, path = Link(), tmp_path / "o.db"
    sink = Recorder()

    async def run(account: str | None, name: str) -> list[str]:
        link.account = account
        async with running(rule(sink, greets=True), path=path, link=link) as (tracker, activity):
            tracker.track_action(name)
            await tracker.flush(100)
            link.account = account
            link.tell(None)
            await tracker.flush(5)
            return [figures.state for figures in activity.statistics().sinks]

    assert await run(None, "offline") == ["waiting"]
    sink.answers = [NotReady("busy", retry_after=1e6)] * 2
    assert await run("alice", "of alice") == ["waiting"]
    assert await run("", "anonymous") == ["held"]
    assert await run("bob", "of bob") == ["held"]
    assert sink.names == []
    assert len(told(caplog, "sink.held")) == 2
    sink.answers.clear()
    assert await run("alice", "alice again") == ["idle"]
    assert sink.names == ["offline", "of alice", "anonymous", "of bob", "alice again"]
    assert await run("bob", "bob's own") == ["idle"]


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


async def test_a_batch_that_was_forgotten_meanwhile_is_no_write(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Between the wait for company and the read."""
    sink = Recorder()
    async with running(rule(sink, linger=5.0)) as (tracker, _):
        tracker.track_action("a", subject="u")
        await trio.sleep(1)
        tracker.forget("u")
        await trio.sleep(100)
        assert sink.batches == []


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


# a full or failing disk


class Failing(sqlite3.Connection):
    """A database whose n-th writing step fails, once or until it is healed."""

    countdown = 0
    code = sqlite3.SQLITE_FULL
    stays = True

    def _step(self) -> None:
        cls = type(self)
        if cls.countdown > 0:
            cls.countdown -= 1
            if cls.countdown == 0:
                cls.countdown = 1 if cls.stays else 0
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = cls.code
                raise error

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if sql.startswith(("INSERT", "UPDATE", "DELETE", "COMMIT", "BEGIN")):
            self._step()
        return super().execute(sql, *rest)

    def executemany(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        self._step()
        return super().executemany(sql, *rest)


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: what is tested here is not the disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def failing() -> Iterator[type[Failing]]:
    yield Failing
    Failing.countdown = 0


def failing_connect(place: str) -> sqlite3.Connection:
    return sqlite3.connect(place, isolation_level=None, check_same_thread=False, factory=Failing)


async def test_f15_a_step_that_fails_is_no_false_stored_and_heals(
    autojump_clock: trio.testing.MockClock, quick_path: Path, failing: type[Failing]
) -> None:
    """Every n from 1 to 50, full or broken, once or lasting: nothing lost or twice, books right."""
    for n in range(1, 51):
        failing.code = sqlite3.SQLITE_FULL if n % 4 < 2 else sqlite3.SQLITE_IOERR
        sink = Recorder(None, Reject({0: "odd"}))
        failing.stays = n % 2 == 0
        path = quick_path / f"{n}.db"
        async with running(rule(sink, batch=4), path=path, connect=failing_connect) as (tracker, activity):  # fmt: skip
            failing.countdown = n
            ids = []
            for number in range(24):
                ids.append(tracker.track_action(str(number)))
                if number % 6 == 5:
                    report = await tracker.flush(1, until="stored")
                    assert report.is_done == (activity.statistics().inbox_count == 0)
            if failing.stays and failing.countdown == 1:
                await trio.sleep(1)
                assert activity.degraded == "database or disk is full"
                assert tracker.track_action("calls still return") is not None
                ids.append("")
            failing.countdown = 0
            assert (await tracker.flush(100)).is_done
            assert activity.degraded is None
            balance(activity, len(ids))
            seen = [event.id for event in sink.events]
            assert len(seen) == len(set(seen))
            [figures] = activity.statistics().sinks
            assert (figures.delivered_count, figures.dead_count) == (len(ids) - 1, 1)
        db = sqlite3.connect(path)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()


async def test_a24_a_full_disk_is_said_once_and_its_end_too(
    autojump_clock: trio.testing.MockClock,
    tmp_path: Path,
    failing: type[Failing],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One ERROR, repeats for debuggers, one INFO; the stop tells what was never stored."""
    caplog.set_level(logging.INFO)
    async with running(rule(Recorder()), path=tmp_path / "o.db", connect=failing_connect) as (tracker, activity):  # fmt: skip
        for _ in range(2):
            failing.countdown = 1
            tracker.track_action("a")
            await trio.sleep(60)
            failing.countdown = 0
            await trio.sleep(10)
        failing.countdown = 1
        tracker.track_action("b")
        await trio.sleep(5)
        with trio.move_on_after(5):
            await activity.drain()
    assert len(told(caplog, "outbox.degraded")) == 3
    assert len(told(caplog, "outbox.healed")) == 2
    assert [line["count"] for line in told(caplog, "outbox.lost")] == [1]


async def test_a24_what_could_not_be_stored_is_there_for_the_next_host_with_the_tracker(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, failing: type[Failing]
) -> None:
    """A program that starts its host again loses nothing of what its tracker took."""
    tracker, sink = Tracker(environ={}), Recorder()
    options: dict[str, Any] = {"path": tmp_path / "o.db", "connect": failing_connect}
    async with running(rule(sink), tracker=tracker, **options):
        failing.countdown = 1
        for name in "abc":
            tracker.track_action(name)
        await trio.sleep(5)
    failing.countdown = 0
    async with running(rule(sink), tracker=tracker, **options):
        assert (await tracker.flush(10)).is_done
    assert sink.names == ["a", "b", "c"]
    assert (tracker.inbox.count, tracker.inbox.used_bytes) == (0, 0)


async def test_a_file_that_turns_out_damaged_is_set_aside_while_the_host_runs(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """A flipped bit in one record: the others are delivered, in order."""
    path = tmp_path / "o.db"
    sink = Recorder(NotReady("away", retry_after=30.0))
    async with running(rule(sink), path=path) as (tracker, activity):
        for number in range(10):
            tracker.track_action(str(number))
        await tracker.flush(1, until="stored")
        db = sqlite3.connect(path)
        db.execute("UPDATE events SET data = X'FF' WHERE seq = 4")
        db.commit()
        db.close()
        await trio.sleep(100)
        assert sink.names == [str(number) for number in range(10) if number != 3]
        [figures] = activity.statistics().sinks
        assert figures.dropped == {"damaged": 1}
        balance(activity, 10)
        assert activity.degraded is None
    assert [name for name in os.listdir(tmp_path) if ".corrupt-" in name]


# bounds


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


async def test_a20_with_the_switch_there_is_no_file_thread_or_record(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """Inbound events still reach the sinks that want them, over memory."""
    tracker = Tracker(environ={"TRUNKLINE_DISABLE_TELEMETRY": "1"})
    sink = Recorder()
    async with running(rule(sink, topics=("*",)), tracker=tracker, path=tmp_path / "o.db") as (_, activity):  # fmt: skip
        tracker.track_action("a")
        tracker.identify("u", {"a": 1})
        tracker.forget("u")
        router = Router()
        async with trio.open_nursery() as nursery:
            await nursery.start(activity.follow, router)
            router.publish(Event("audit", "seen", {}))
            await trio.sleep(5)
            router.close()
        assert [event.type for event in sink.events] == ["seen"]
        assert tracker.inbox.put_count == 1
        assert tracker.session_hello() is None
    assert os.listdir(tmp_path) == []


async def test_a22_a_second_host_on_the_file_is_refused_and_the_first_goes_on(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    """It names the process, and takes nothing with it when it goes."""
    sink = Recorder()
    async with running(rule(sink), path=tmp_path / "o.db") as (tracker, _):
        other = Activity(Tracker(environ={}), [], random_of(), path=tmp_path / "o.db")
        with pytest.raises(OutboxLocked, match="in use by another host"):
            await other.open()
        tracker.track_action("a")
        assert (await tracker.flush(5)).is_done


def random_of() -> Any:
    import random

    return random.Random(1)


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
