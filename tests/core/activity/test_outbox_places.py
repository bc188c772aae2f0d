"""Each sink has a place in the outbox, also while its plugin is away, and while the process is."""

from pathlib import Path

import pytest
from outbox_bench import NOW, key, names, row, store

from trunkline.activity.outbox import Bounds


def test_a27_place_and_failures_outlive_the_process(tmp_path: Path) -> None:
    """Cursor, suspect, its failures and the account are in the file."""
    outbox = store(path=tmp_path / "o.db")
    outbox.append([row(str(n)) for n in range(3)])
    outbox.settle("p.sink", outbox.read("p.sink", 1), NOW)
    batch = outbox.read("p.sink", 1)
    assert [outbox.failed_alone("p.sink", batch.seqs[0]) for _ in range(3)] == [1, 2, 3]
    outbox.set_account("p.sink", "alice")
    outbox.close()
    again = store(path=tmp_path / "o.db")
    place = again.places["p.sink"]
    assert (place.failures, place.waiting, place.carried, place.account) == (3, 2, 2, "alice")
    assert again.failed_alone("p.sink", batch.seqs[0]) == 4
    assert again.failed_alone("p.sink", batch.seqs[0] + 1) == 1
    again.settle("p.sink", again.read("p.sink", 2), NOW, dead_letters={0: "poison"})
    again.close()
    empty = store(path=tmp_path / "o.db")
    assert (empty.places["p.sink"].account, empty.places["p.sink"].letters) == (None, 1)


def test_a_new_sink_begins_with_what_comes_and_a_removed_one_holds_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Renaming is both: said, with the count."""
    outbox = store(key("p.old"), key("p.kept"), path=tmp_path / "o.db")
    outbox.append([row("early")])
    outbox.settle("p.kept", outbox.read("p.kept", 1), NOW)
    outbox.close()
    outbox = store(key("p.new"), key("p.kept"), path=tmp_path / "o.db")
    assert outbox.used.events == 0
    outbox.append([row("late")])
    assert names(outbox.read("p.new", 9)) == ["late"]
    [record] = [r for r in caplog.records if r.message == "sink.removed"]
    assert (vars(record)["sink"], vars(record)["dropped"]) == ("p.old", 1)


def test_a_sink_whose_plugin_is_away_keeps_its_place_until_the_room_is_needed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A plugin that failed to load must not cost what waits for it; but it may not fill the disk."""
    outbox = store(key("p.here"), key("gone.sink"), path=tmp_path / "o.db")
    outbox.append([row("1")])
    outbox.close()
    outbox = store(key("p.here"), path=tmp_path / "o.db", away=["gone"], bounds=Bounds(2, 10**9))
    outbox.settle("p.here", outbox.read("p.here", 1), NOW)
    assert outbox.used.events == 1
    outbox.append([row("2")])
    outbox.close()
    outbox = store(key("p.here"), key("gone.sink"), path=tmp_path / "o.db")
    assert names(outbox.read("gone.sink", 9)) == ["1", "2"]
    outbox.close()
    outbox = store(key("p.here"), path=tmp_path / "o.db", away=["gone"], bounds=Bounds(2, 10**9))
    assert outbox.append([row("3")]) == {}  # nothing of a sink that is here has to go
    assert names(outbox.read("p.here", 9)) == ["2", "3"]
    assert "sink.removed" in [record.message for record in caplog.records]


def test_what_only_a_sink_that_is_away_wants_is_kept_for_it_until_the_room_is_needed(
    tmp_path: Path,
) -> None:
    """Else it would be gone uncounted."""
    path, audit = tmp_path / "o.db", key("p.audit", "audit")
    store(audit, key("gone.sink"), path=path).close()
    outbox = store(audit, path=path, away=["gone"])
    outbox.append([row("1"), row("nobody's", topic="other")])
    outbox.close()
    outbox = store(audit, key("gone.sink"), path=path)
    assert names(outbox.read("gone.sink", 9)) == ["1"]
    outbox.close()
    outbox = store(audit, path=path, away=["gone"], bounds=Bounds(1, 10**9))
    outbox.append([row("2"), row("3", topic="audit")])
    assert names(outbox.read("p.audit", 9)) == ["3"]
    assert outbox.used.events == 1
    outbox.close()
