"""What a person has asked to forget is in no page and no log of the file (A16)."""

import random
import sqlite3
from pathlib import Path

import pytest
from outbox_bench import NOW, books, names, row, store

from trunkline.activity.outbox.letterbox import open_letterbox

SEED = 1


@pytest.mark.parametrize("way", ["forget", "purge"])
def test_a16_no_copy_stays_where_pages_were_merged(tmp_path: Path, way: str) -> None:
    """SQLite moves rows between pages and leaves them in the room between; found by this seed."""
    path, rng = tmp_path / "o.db", random.Random(SEED)
    outbox = store(path=path)
    for commit in range(20):
        rows = []
        for n in range(50):
            subject = rng.choice("uv")
            canary = row(f"canary-{subject}" + "z" * rng.randrange(50, 1500), subject=subject)
            rows.append(canary._replace(id=f"{commit}-{n}"))
        outbox.append(rows)
        reasons = dict.fromkeys(range(50), "no")
        outbox.settle("p.sink", outbox.read("p.sink", 50), NOW, dead_letters=reasons)
    if way == "purge":
        with open_letterbox(path) as box:
            box.purge([each for each in box.letters() if each.event.get("subject") == "u"])
    else:
        outbox.forget("u")
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"canary-u" not in stored
    assert b"canary-v" in stored
    outbox.close()


def test_a16_forget_leaves_no_byte_in_the_file_or_its_log(tmp_path: Path) -> None:
    """Events and dead letters of the subject; others stay, the books balance."""
    path = tmp_path / "o.db"
    outbox = store(path=path)
    outbox.append(
        [row(f"canary-{n}", subject="u-canary") for n in range(20)] + [row("kept", subject="v")]
    )
    outbox.settle("p.sink", outbox.read("p.sink", 5), NOW, dead_letters={1: "no"})
    in_flight = outbox.read("p.sink", 3)
    outbox.forget("u-canary")
    # it had been given out; what is gone is not counted twice
    outbox.settle("p.sink", in_flight, NOW)
    place = outbox.places["p.sink"]
    assert (place.forgotten, place.delivered, place.dead, place.letters) == (15, 4, 1, 0)
    assert books(outbox) == 21
    assert names(outbox.read("p.sink", 9)) == ["kept"]
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"canary" not in stored
    assert b"kept" in stored


def test_a16_a_reader_puts_the_last_bytes_off_and_they_go_later(tmp_path: Path) -> None:
    """A `dlq list` under way holds the log open; the next look empties it."""
    path = tmp_path / "o.db"
    outbox = store(path=path)
    outbox.append([row("canary", subject="u")])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM events").fetchone()
    sqlite3_timeout(outbox)
    outbox.forget("u")
    assert b"canary" in (tmp_path / "o.db-wal").read_bytes()
    reader.execute("COMMIT")
    reader.close()
    outbox.refresh()
    assert b"canary" not in (tmp_path / "o.db-wal").read_bytes() + path.read_bytes()


def sqlite3_timeout(outbox: object) -> None:
    """Do not wait five seconds for the reader."""
    outbox._db._db.execute("PRAGMA busy_timeout = 1")  # type: ignore[attr-defined] # noqa: SLF001 - the only way in
