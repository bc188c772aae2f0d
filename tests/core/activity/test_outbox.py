"""The store: what goes in comes out, once for each sink, in order; the books balance."""

import sqlite3
from pathlib import Path

import attrs
import pytest
from outbox_bench import NOW, books, key, names, row, store

from trunkline.activity.outbox import (
    Bounds,
    OutboxDamaged,
    OutboxUnavailable,
    gap_event,
    inbound_row,
)
from trunkline.activity.outbox.dead import LETTERS
from trunkline.errors import InvalidData
from trunkline.events import Event


def test_each_sink_gets_everything_once_in_order_and_then_it_is_gone() -> None:
    """A cursor each; a row stays until the last one has had it."""
    outbox = store(key("p.a"), key("p.b"))
    outbox.append([row(str(n)) for n in range(5)])
    first = outbox.read("p.a", 3)
    assert names(first) == ["0", "1", "2"]
    outbox.settle("p.a", first, NOW)
    assert outbox.used.events == 5
    outbox.settle("p.b", outbox.read("p.b", 4), NOW)
    assert outbox.used.events == 2  # 0 to 2 both had, 3 only one
    assert names(outbox.read("p.a", 10)) == ["3", "4"]
    assert outbox.places["p.b"].waiting == 1
    assert outbox.left() == {"p.a": {"action": 2}, "p.b": {"action": 1}}


def test_topics_tell_who_gets_what() -> None:
    """`*` everything; a gap of every topic goes to whoever takes inbound ones; the rest nobody stores."""
    outbox = store(key("p.local"), key("p.audit", "audit"), key("p.all", "*"))
    gap = attrs.evolve(gap_event_of("*"))
    outbox.append([row("here"), row("there", topic="audit"), inbound_row(gap)])
    assert names(outbox.read("p.local", 9)) == ["here"]
    assert [event.type for event in outbox.read("p.audit", 9).events] == ["action", "gap"]
    assert len(outbox.read("p.all", 9).seqs) == 3
    nobody = store(key("p.local"))
    nobody.append([row("there", topic="audit")])
    assert nobody.used.events == 0


def gap_event_of(topic: str) -> Event:
    from datetime import UTC, datetime

    from trunkline.events import Gap

    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return gap_event(Gap(topic, "reconnect", moment, moment, 3, 7))


def test_a25_a_gap_is_an_event_of_its_topic() -> None:
    """With cause, times and count, and an id of its own."""
    event = gap_event_of("audit")
    assert (event.topic, event.type, event.epoch) == ("audit", "gap", 3)
    assert event.get("dropped") == 7
    assert event.get("since") == "2026-01-01T00:00:00+00:00"


def test_what_is_no_json_is_refused_by_name() -> None:
    """An inbound event nested deeper than can be written."""
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(InvalidData, match="topic audit"):
        inbound_row(Event("audit", "x", {"deep": deep}))


def test_a_batch_is_bounded_in_bytes_but_holds_one() -> None:
    """However large that one is."""
    outbox = store()
    large = [row(f"{n}-" + "x" * 700_000) for n in range(3)]
    outbox.append(large)
    assert len(outbox.read("p.sink", 10).seqs) == 1


@pytest.mark.parametrize("in_file", [False, True])
def test_a26_dead_letters_are_kept_and_the_rest_counts_as_delivered(
    in_file: bool, tmp_path: Path
) -> None:
    """By their place in the batch."""
    outbox = store(path=tmp_path / "o.db" if in_file else None)
    outbox.append([row(str(n)) for n in range(4)])
    outbox.settle("p.sink", outbox.read("p.sink", 4), NOW, dead_letters={2: "too odd"})
    place = outbox.places["p.sink"]
    assert (place.delivered, place.dead, place.letters, place.waiting) == (3, 1, 1, 0)
    assert books(outbox) == 4
    assert outbox.used.events == 0


def test_a15_what_lacks_consent_is_withheld_and_counted() -> None:
    """Not delivered, not kept."""
    outbox = store()
    outbox.append([row("a"), row("b")])
    outbox.settle("p.sink", outbox.read("p.sink", 2), NOW, withheld=[0])
    place = outbox.places["p.sink"]
    assert (place.delivered, place.forgotten, outbox.used.events) == (1, 1, 0)


def test_settling_twice_changes_nothing() -> None:
    """Whoever was cancelled while it was noted may note it again."""
    outbox = store()
    outbox.append([row("a"), row("b")])
    batch = outbox.read("p.sink", 1)
    assert outbox.settle("p.sink", batch, NOW) == outbox.settle("p.sink", batch, NOW) == 0
    assert outbox.places["p.sink"].delivered == 1


def test_what_a_command_has_changed_is_seen(tmp_path: Path) -> None:
    """The tallies are counted anew."""
    outbox = store(path=tmp_path / "o.db")
    outbox.append([row("a")])
    assert not outbox.refresh()
    other = sqlite3.connect(tmp_path / "o.db", isolation_level=None)
    other.execute("DELETE FROM events")
    other.close()
    assert outbox.refresh()
    assert (outbox.used, outbox.places["p.sink"].waiting) == (Bounds(0, 0), 0)


def test_an_event_that_is_gone_without_a_word_is_no_endless_wait(tmp_path: Path) -> None:
    """The tally follows what is there."""
    outbox = store(path=tmp_path / "o.db")
    outbox.append([row("a")])
    other = sqlite3.connect(tmp_path / "o.db", isolation_level=None)
    other.execute("DELETE FROM events")
    other.close()
    assert outbox.read("p.sink", 5).seqs == ()
    assert outbox.places["p.sink"].waiting == 0


def test_a28_dead_letters_are_bounded_and_the_oldest_go() -> None:
    """Ten thousand, counted where they go."""
    outbox = store()
    gone = 0
    for start in range(0, LETTERS + 500, 1050):
        outbox.append([row(str(start + n)) for n in range(1050)])
        batch = outbox.read("p.sink", 1050)
        gone += outbox.settle("p.sink", batch, NOW, dead_letters=dict.fromkeys(range(1050), "no"))
    place = outbox.places["p.sink"]
    assert place.letters == LETTERS
    assert place.dead == gone + LETTERS


def test_a28_dead_letters_are_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is larger than all of them may be goes at once."""
    monkeypatch.setattr("trunkline.activity.outbox.dead.LETTER_BYTES", 10)
    outbox = store()
    outbox.append([row("a")])
    assert outbox.settle("p.sink", outbox.read("p.sink", 1), NOW, dead_letters={0: "no"}) == 1
    assert (outbox.places["p.sink"].dead, outbox.places["p.sink"].letters) == (1, 0)


class Broken(sqlite3.Connection):
    """A database whose steps fail once `fails` is set."""

    fails: sqlite3.Error | None = None

    def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:
        if self.fails is not None and not sql.startswith(("ROLLBACK", "PRAGMA data")):
            raise self.fails
        return super().execute(sql, *rest)  # type: ignore[arg-type] # as they came


def broken(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [(sqlite3.SQLITE_FULL, OutboxUnavailable), (sqlite3.SQLITE_IOERR, OutboxUnavailable), (sqlite3.SQLITE_CORRUPT, OutboxDamaged)],
)  # fmt: skip
def test_a_failure_has_a_name_and_changes_no_tally(code: int, kind: type[Exception]) -> None:
    """Writing, reading, looking: all through one border."""
    opened: list[Broken] = []

    def connect(place: str) -> sqlite3.Connection:
        db = sqlite3.connect(place, isolation_level=None, factory=Broken)
        opened.append(db)
        return db

    outbox = store(connect=connect)
    outbox.append([row("a")])
    batch = outbox.read("p.sink", 1)
    Broken.fails = broken(code)
    try:
        for step in (
            lambda: outbox.append([row("b")]),
            lambda: outbox.read("p.sink", 1),
            lambda: outbox.settle("p.sink", batch, NOW),
            lambda: outbox.forget("u"),
        ):
            with pytest.raises(kind, match="disk I/O"):
                step()
    finally:
        Broken.fails = None
    assert books(outbox) == 1
    outbox.settle("p.sink", batch, NOW)
    assert outbox.used.events == 0


def test_a16_a_log_that_cannot_be_emptied_now_is_emptied_later(tmp_path: Path) -> None:
    """The deletion itself is committed."""

    def connect(place: str) -> sqlite3.Connection:
        return sqlite3.connect(place, isolation_level=None, factory=Broken)

    def at(name: str) -> None:
        Broken.fails = broken(sqlite3.SQLITE_FULL) if name == "checkpoint" and armed else None

    armed = [1]
    outbox = store(path=tmp_path / "o.db", connect=connect, at=at)
    outbox.append([row("canary", subject="u")])
    try:
        outbox.forget("u")
    finally:
        Broken.fails = None
    assert b"canary" in (tmp_path / "o.db-wal").read_bytes()
    armed.clear()
    outbox.refresh()
    assert b"canary" not in (tmp_path / "o.db-wal").read_bytes()
    outbox.close()


def test_a_foreign_exception_rolls_back_too() -> None:
    """Whatever ends a transaction, half of it is never there."""

    def stop(name: str) -> None:
        if name == "inserted" and armed:
            raise KeyboardInterrupt

    armed = [1]
    outbox = store(at=stop)
    with pytest.raises(KeyboardInterrupt):
        outbox.append([row("a")])
    armed.clear()
    assert books(outbox) == 0
    outbox.append([row("b")])
    assert names(outbox.read("p.sink", 9)) == ["b"]
