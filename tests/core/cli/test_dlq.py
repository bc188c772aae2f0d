"""`trunkline dlq`: dead letters listed, shown, given back, deleted; on the file, a host or none."""

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from outbox_bench import NOW, key, names, row, store

from trunkline.cli import trunkline
from trunkline.errors import UserError

CONFIG = '[connection]\nurl = "ws://127.0.0.1:9/"\n[activity]\npath = "var/outbox.db"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config with an outbox in which three of five events are dead letters of one sink."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trunkline.toml").write_text(CONFIG)
    outbox = store(key("p.sink"), key("p.other"), path=tmp_path / "var" / "outbox.db")
    outbox.append([row(f"n{n}\x1b[31m") for n in range(5)])
    reasons = {0: "too odd", 2: "Too large", 4: "too odd"}
    outbox.settle("p.sink", outbox.read("p.sink", 5), NOW, dead_letters=reasons)
    outbox.close()
    return tmp_path


def dlq(*arguments: str) -> Result:
    return CliRunner().invoke(trunkline, ["dlq", *arguments])


def test_a28_letters_are_listed_for_people_and_programs(folder: Path) -> None:
    """A table in which nothing is obeyed by a terminal; JSON lines with the whole event."""
    shown = dlq("list")
    assert shown.exit_code == 0
    assert shown.output.splitlines()[0].split() == ["NUMBER", "SINK", "TOPIC", "TYPE", "DIED", "TRIES", "REASON"]  # fmt: skip
    assert len(shown.output.splitlines()) == 4
    assert "\x1b" not in shown.output
    letters = [json.loads(line) for line in dlq("list", "--json").output.splitlines()]
    assert [letter["number"] for letter in letters] == [1, 2, 3]
    assert letters[0]["event"]["data"]["name"] == "n0\x1b[31m"
    assert len(dlq("list", "--sink", "p.other", "--json").output) == 0
    assert dlq("list", "--sink", "p.other").output == "no dead letters\n"
    assert [json.loads(line)["number"] for line in dlq("list", "--reason", "LARGE", "--json").output.splitlines()] == [2]  # fmt: skip


def test_a28_one_is_shown_whole(folder: Path) -> None:
    """With its event; what is not there is said."""
    shown = dlq("show", "2")
    assert "Too large" in shown.output
    assert '"topic": "activity"' in shown.output
    assert "\x1b" not in shown.output
    assert json.loads(dlq("show", "2", "--json").output)["reason"] == "Too large"
    missing = dlq("show", "9")
    assert isinstance(missing.exception, UserError)
    assert "no dead letter 9" in str(missing.exception)


def test_a28_replay_gives_back_under_the_same_id_to_that_sink_alone(folder: Path) -> None:
    """At the end of the queue; the count of failures begins anew."""
    assert dlq("replay", "1", "1", "3").output == "replayed 2\n"
    outbox = store(key("p.sink"), key("p.other"), path=folder / "var" / "outbox.db")
    again = outbox.read("p.sink", 9)
    assert [event.id for event in again.events] == ["id-n0\x1b[31m", "id-n4\x1b[31m"]
    assert len(names(outbox.read("p.other", 9))) == 5
    assert (outbox.places["p.sink"].letters, outbox.places["p.sink"].waiting) == (1, 2)
    outbox.settle("p.sink", again, NOW)
    outbox.settle("p.other", outbox.read("p.other", 9), NOW)
    assert outbox.used.events == 0
    outbox.close()


def test_a_damaged_letter_is_told_and_can_be_purged_but_not_replayed(folder: Path) -> None:
    """A flipped bit in one of them hides none of the others."""
    db = sqlite3.connect(folder / "var" / "outbox.db", isolation_level=None)
    db.execute("UPDATE dead SET data = X'7B' WHERE number = 2")
    db.close()
    letters = [json.loads(line) for line in dlq("list", "--json").output.splitlines()]
    assert [letter["reason"] for letter in letters] == ["too odd", "Too large (damaged: purge it)", "too odd"]  # fmt: skip
    refused = dlq("replay", "--all", "--yes")
    assert isinstance(refused.exception, UserError)
    assert "dead letter 2 is damaged and can only be purged" in str(refused.exception)
    assert dlq("purge", "2", "--yes").output == "purged 1\n"
    assert dlq("replay", "--all", "--yes").output == "replayed 2\n"


def test_a28_replay_by_filter_and_all(folder: Path) -> None:
    """`--all` asks; where nobody can be asked it wants `--yes`."""
    assert json.loads(dlq("replay", "--reason", "odd", "--json").output) == {"replayed": 2}
    asked = dlq("replay", "--all")
    assert asked.exit_code == 2
    assert "add --yes" in asked.output
    assert dlq("replay", "--all", "--yes").output == "replayed 1\n"
    assert dlq("list").output == "no dead letters\n"


def test_a28_purge_deletes_for_good(folder: Path) -> None:
    """It always asks; no byte stays."""
    assert dlq("purge", "--sink", "p.sink").exit_code == 2
    assert len(dlq("list", "--json").output.splitlines()) == 3
    store_ = store(key("p.other"), path=folder / "var" / "outbox.db")
    store_.settle("p.other", store_.read("p.other", 9), NOW)
    store_.close()
    assert dlq("purge", "--all", "--yes").output == "purged 3\n"
    assert b"id-n0" not in b"".join(each.read_bytes() for each in (folder / "var").iterdir())


@pytest.mark.parametrize(
    "arguments", [(), ("1", "--all"), ("--sink", "p.sink", "--all"), ("1", "--reason", "x")]
)
def test_what_is_meant_must_be_clear(folder: Path, arguments: tuple[str, ...]) -> None:
    """One way to name them, never none."""
    result = dlq("replay", *arguments)
    assert result.exit_code == 2
    assert "by NUMBER, by --sink or --reason, or say --all" in result.output


def test_a_letter_of_a_sink_that_is_gone_is_not_lost_by_a_replay(folder: Path) -> None:
    """Nobody would take it: it stays, and the way out is named."""
    store(key("p.other"), path=folder / "var" / "outbox.db").close()
    result = dlq("replay", "--all", "--yes")
    assert isinstance(result.exception, UserError)
    assert "no sink `p.sink` any more" in str(result.exception)
    assert len(dlq("list", "--json").output.splitlines()) == 3


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda file: file.unlink(), "there is no outbox yet"),
        (lambda file: file.write_bytes(b"garbage" * 999), "cannot be read"),
        (lambda file: file.with_name("trunkline.toml"), None),
    ],
)
def test_what_cannot_be_read_is_said(folder: Path, prepare: object, words: str | None) -> None:
    """A file that is none, or not there; an outbox in memory."""
    assert callable(prepare)
    if words is None:
        (folder / "trunkline.toml").write_text(CONFIG.replace("var/outbox.db", ":memory:"))
        words = "is kept in memory"
    else:
        prepare(folder / "var" / "outbox.db")
    result = dlq("list")
    assert isinstance(result.exception, UserError)
    assert words in str(result.exception)


@pytest.mark.parametrize(
    ("pragma", "words"),
    [("user_version = 99", "newer version"), ("application_id = 5", "no outbox")],
)
def test_a_file_that_is_not_ours_is_left_alone(folder: Path, pragma: str, words: str) -> None:
    """A newer version's, or somebody else's."""
    import sqlite3

    db = sqlite3.connect(folder / "var" / "outbox.db")
    db.execute(f"PRAGMA {pragma}")
    db.close()
    result = dlq("list")
    assert words in str(result.exception)
