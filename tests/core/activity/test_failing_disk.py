"""The pipeline on a disk that fails, fills or turns out damaged: said once, and it heals."""

import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from outbox_bench import Recorder, rule, running
from pipeline_bench import balance, told

from trunkline.activity.activity import Activity
from trunkline.activity.tracker import Tracker
from trunkline.errors import NotReady, OutboxLocked, Reject


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


def random_of() -> Any:
    import random

    return random.Random(1)


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
