"""Recorded traffic: what is written is read again, and what is torn or foreign is named."""

import gzip
import io
import stat
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from trunkline.cli.recorder import Recorder
from trunkline.errors import UserError
from trunkline.events import Gap
from trunkline.recording import (
    Recorded,
    RecordedFrame,
    RecordedGap,
    created,
    frame_line,
    gap_line,
    header,
    read,
)

MOMENT = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
GAP = Gap("*", "reconnect", MOMENT, MOMENT, 2)
HEAD = header("wss://events.example/")


def write(path: Path) -> list[Recorded]:
    """Write a small recording; return what is in it."""
    with created(path) as lines:
        lines.write(HEAD)
        lines.write(frame_line('{"type":"é"}'.encode(), 1, 1764000000.25))
        lines.write(gap_line(GAP, 1764000001.0))
    return [RecordedFrame(1764000000.25, 1, '{"type":"é"}'), RecordedGap(1764000001.0, GAP)]


def broken_at(path: Path) -> tuple[int, str]:
    """Read to where it breaks; return how much came before, and the error's text."""
    count = 0
    try:
        for _ in read(path):
            count += 1
    except UserError as exc:
        return count, str(exc)
    raise AssertionError("read to its end")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    """Plain and packed, told apart by their content; only the owner may look."""
    path = tmp_path / name
    wanted = write(path)
    assert list(read(path)) == wanted
    assert list(read(path.rename(tmp_path / "renamed"))) == wanted
    assert stat.S_IMODE((tmp_path / "renamed").stat().st_mode) == 0o600


def test_a_file_that_exists_is_not_replaced_unasked(tmp_path: Path) -> None:
    """A recording of yesterday is worth more than a typo."""
    path = tmp_path / "a.jsonl"
    write(path)
    with pytest.raises(UserError, match="exists; choose another name, or --force"), created(path):
        pass
    with created(path, replace=True):
        pass
    assert path.read_bytes() == b""


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The system's own words, and the path."""
    with (
        pytest.raises(UserError, match=r"away/a\.jsonl cannot be written: No such file"),
        created(tmp_path / "away" / "a.jsonl"),
    ):
        pass


def test_c90_a_torn_file_gives_its_whole_lines_then_the_number_of_the_torn_one(
    tmp_path: Path,
) -> None:
    """A host that was killed leaves half a line, or half a gzip block."""
    plain, packed = tmp_path / "a.jsonl", tmp_path / "a.jsonl.gz"
    write(plain)
    write(packed)
    plain.write_bytes(plain.read_bytes()[:-5])
    count, text = broken_at(plain)
    assert (count, "a.jsonl:3: the file is torn here" in text) == (1, True)
    packed.write_bytes(packed.read_bytes()[:-9])
    count, text = broken_at(packed)
    assert (count, "a.jsonl.gz:4: the file is torn here" in text) == (2, True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"at": 1}\n', "not made by `trunkline record`"),
        (b"[1]\n", "not made by `trunkline record`"),
        (b"hello\n", "not JSON"),
        (b'{"at": 1, "gap": {"topic": 5}}\n', r"Gap: .*\$\.topic: expected a string"),
    ],
)
def test_c90_a_foreign_line_is_named(tmp_path: Path, line: bytes, words: str) -> None:
    """With the number of the line, and the reason."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(HEAD + frame_line(b"{}", 1, 1.0) + line)
    with pytest.raises(UserError, match=rf"a\.jsonl:3: {words}"):
        list(read(path))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "1: not made by"),
        (b'{"type":"audit_event"}\n', "1: not made by"),
        (b'{"trunkline_recording": 2}\n', "1: format 2; this program reads 1"),
        (gzip.compress(b"hello\n", mtime=0), "1: not JSON"),
    ],
)
def test_another_file_is_refused_at_its_first_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    """An empty one, an events file, one of a later version."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        list(read(path))


async def test_what_a_recording_lost_at_its_end_stands_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A disk that is slower than the server, a gap that finds no room, then Ctrl-C."""
    monkeypatch.setattr("trunkline.cli.recorder.WAITING_LINES", 3)
    recorder = Recorder()
    recorder._take([b"%d" % n for n in range(10)], 1, 100.0)  # noqa: SLF001 - no connection here
    recorder._take_gap(Gap("*", "reconnect", MOMENT, MOMENT, 1))  # noqa: SLF001 - as above
    recorder._lines.close()  # noqa: SLF001 - as above
    file = io.BytesIO(header("ws://h/"))
    file.seek(0, io.SEEK_END)
    await recorder._write(file)  # noqa: SLF001 - as above
    frames = file.getvalue().splitlines()[1:4]
    assert [orjson.loads(line)["frame"] for line in frames] == ["0", "1", "2"]
    [lost] = [orjson.loads(line)["gap"] for line in file.getvalue().splitlines()[4:]]
    assert (lost["cause"], lost["dropped"]) == ("overflow", 7)
    assert (recorder.frame_count, recorder.gap_count) == (3, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux's")
@pytest.mark.parametrize("size", [10, 100_000])
def test_f14_a_full_disk_is_named(size: int) -> None:
    """Found while something is written, or only at the end."""
    with (
        pytest.raises(UserError, match="/dev/full cannot be written: No space left"),
        created(Path("/dev/full"), replace=True) as lines,
    ):
        lines.write(b"x" * size)
