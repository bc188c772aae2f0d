"""A file that is damaged: its good records are saved, and nothing is lost or delivered twice by that (F17)."""

import errno
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from outbox_bench import NOW, names, row, store
from outbox_files import aside, filled, spoil

from trunkline.activity.outbox import OutboxUnavailable


def test_f17_a_truncated_log_keeps_its_good_records(path: Path, tmp_path: Path) -> None:
    """What was committed before the tear is there, nothing is set aside."""
    outbox = store(path=path)
    for n in range(50):
        outbox.append([row(f"{n}-" + "x" * 500)])
    copy = tmp_path / "copy" / "outbox.db"
    copy.parent.mkdir()
    log = path.with_name("outbox.db-wal").read_bytes()
    copy.write_bytes(path.read_bytes())
    copy.with_name("outbox.db-wal").write_bytes(log[: len(log) * 2 // 3])
    outbox.close()
    torn = store(path=copy)
    found = [int(name.partition("-")[0]) for name in names(torn.read("p.sink", 99))]
    assert found == list(range(len(found)))
    assert 5 < len(found) < 50
    assert aside(copy) == []
    torn.close()


def test_f17_a_damaged_page_costs_what_stood_on_it(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Front and back are kept under their numbers, with dead letters and places; counted."""
    filled(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xff" * 4096)
    outbox = store(path=path)
    left = [int(name.partition("-")[0]) for name in names(outbox.read("p.sink", 999))]
    assert 300 < len(left) < 398
    assert left == sorted(left)
    assert (left[0], left[-1]) == (2, 399)
    assert outbox.places["p.sink"].letters == 1
    assert outbox.places["p.sink"].waiting == len(left)
    [kept] = aside(path)
    [record] = [r for r in caplog.records if r.message == "outbox.damaged"]
    assert vars(record)["count"] == len(left)
    assert not [each for each in path.parent.iterdir() if ".copy" in each.name]
    assert kept.stat().st_size == size
    outbox.close()
    store(path=path).close()  # sound from now on: never a crash loop
    assert aside(path) == [kept]


@pytest.mark.parametrize("harm", ["DROP TABLE sinks", "UPDATE sinks SET cursor = 'x'", f"UPDATE sinks SET cursor = {2**63 - 1}"])  # fmt: skip
def test_f17_a_place_that_is_lost_begins_anew_with_what_was_kept(path: Path, harm: str) -> None:
    """Rather twice than never."""
    filled(path, 3)
    db = sqlite3.connect(path)
    db.execute(harm)
    db.commit()
    db.close()
    spoil(path, "dead")
    outbox = store(path=path)
    assert [name[0] for name in names(outbox.read("p.sink", 9))] == ["2"]
    assert outbox.places["p.sink"].cursor == 0
    outbox.close()
    assert len(aside(path)) == 1


def test_f17_a_record_that_is_no_record_is_left_behind(path: Path) -> None:
    """A flipped bit in its data is found where SQLite sees nothing."""
    filled(path, 3)
    db = sqlite3.connect(path)
    db.execute("INSERT INTO events SELECT 90, id, topic, type, origin, epoch, received, subject, rank, size, only_for, X'FF' FROM events WHERE seq = 3")  # fmt: skip
    db.execute("INSERT INTO events SELECT 91, X'00', topic, type, origin, epoch, received, subject, rank, size, only_for, data FROM events WHERE seq = 3")  # fmt: skip
    db.commit()
    db.close()
    spoil(path, "dead")
    outbox = store(path=path)
    assert [name[0] for name in names(outbox.read("p.sink", 9))] == ["2"]


def test_nothing_is_kept_of_what_the_disk_does_not_give_back(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken disk costs what stood on it, not every start."""

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    filled(path, 3)
    spoil(path, "dead")
    monkeypatch.setattr("shutil.copyfile", broken)
    outbox = store(path=path)
    assert outbox.used.events == 0
    assert len(aside(path)) == 1
    assert "outbox.damaged" in [record.message for record in caplog.records]


def test_a_full_disk_costs_the_attempt_to_salvage_not_the_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands as it was, and the next start begins again."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    filled(path, 3)
    spoil(path, "dead")
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", full)
        with pytest.raises(OutboxUnavailable, match="No space left"):
            store(path=path)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "step", ["INSERT OR IGNORE INTO events", "PRAGMA wal_checkpoint", "SELECT seq, id"]
)
def test_a_salvage_that_fails_is_begun_again_and_loses_nothing(path: Path, step: str) -> None:
    """Filling the new file, emptying its log, reading the copy: none of it is taken for damage."""
    armed = [1]

    class Full(sqlite3.Connection):
        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            self._step(sql)
            return super().execute(sql, *rest)

        def executemany(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            self._step(sql)
            return super().executemany(sql, *rest)

        def _step(self, sql: str) -> None:
            if armed and sql.startswith(step):
                error = sqlite3.OperationalError("database or disk is full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error

    def connect(place: str) -> sqlite3.Connection:
        return sqlite3.connect(place, isolation_level=None, factory=Full)

    filled(path, 5)
    spoil(path, "dead")
    with pytest.raises(OutboxUnavailable):
        store(path=path, connect=connect)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    armed.clear()
    outbox = store(path=path, connect=connect)
    assert [name[0] for name in names(outbox.read("p.sink", 9))] == ["2", "3", "4"]
    assert len(aside(path)) == 1
    outbox.close()


def test_a_salvage_that_ended_before_its_last_step_is_finished(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two renames: what was kept is whole, and the next start finds it."""
    rename = Path.rename

    def cut_off(self: Path, target: Path) -> Path:
        if self.name.endswith(".salvaged"):
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    filled(path, 5)
    spoil(path, "dead")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", cut_off)
        with pytest.raises(OutboxUnavailable, match="cannot be set aside: Input/output error"):
            store(path=path)
    assert not path.exists()
    outbox = store(path=path)
    assert [name[0] for name in names(outbox.read("p.sink", 9))] == ["2", "3", "4"]
    assert len(aside(path)) == 1
    outbox.close()


@pytest.mark.parametrize("table", ["events", "sqlite_sequence"])
def test_f17_what_is_stored_after_a_salvage_is_delivered(path: Path, table: str) -> None:
    """Its numbers go on above the cursors, also where nothing that was there is left."""
    outbox = store(path=path)
    outbox.append([row(f"{n}-" + "x" * 200) for n in range(50)])
    outbox.settle("p.sink", outbox.read("p.sink", 50), NOW)
    outbox.close()
    spoil(path, table)
    outbox = store(path=path)
    outbox.append([row("new")])
    assert (outbox.tail, outbox.places["p.sink"].cursor) == (51, 50)
    assert names(outbox.read("p.sink", 9)) == ["new"]
    outbox.close()
    assert len(aside(path)) == 1
