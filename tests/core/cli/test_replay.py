"""`replay`, as an operator uses it."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from host_bench import plugin

from trunkline.cli import trunkline
from trunkline.errors import UserError
from trunkline.events import Gap
from trunkline.recording import created, frame_line, gap_line, header

MOMENT = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
MASK = """
[connection]
url = "ws://127.0.0.1:1/"
[plugins]
paths = ["keeper.py"]
[[filter]]
topic = "audit"
action = "redact"
keys = ["payload.ip"]
[[filter]]
topic = "audit"
where = { "payload.action" = "noise" }
action = "drop"
"""
MESSAGES: list[dict[str, object]] = [
    {"type": "handshake", "session_id": "s", "authenticated": False},
    {"type": "audit_event", "payload": {"action": "created", "ip": "10.0.0.1"}},
    {"type": "audit_event", "payload": {"action": "noise", "ip": "10.0.0.2"}},
    {"type": "invented"},
]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "monday.jsonl.gz"
    with created(path) as lines:
        lines.write(header("ws://127.0.0.1:1/"))
        for number, message in enumerate(MESSAGES):
            lines.write(frame_line(orjson.dumps(message), 1, 1_764_000_000.0 + number))
        lines.write(gap_line(Gap("*", "reconnect", MOMENT, MOMENT, 2), 1_764_000_010.0))
        lines.write(frame_line(b"[1, 2]", 2, 1_764_000_011.0))
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    body = (
        "@hookimpl\ndef trunkline_register_subscriptions(subscriptions):\n"
        "    def keep(event):\n"
        f"        with open({str(tmp_path / 'kept')!r}, 'a') as file:\n"
        "            file.write(event.origin + event.to_json() + chr(10))\n"
        "    subscriptions.add('audit', keep)\n"
    )
    plugin(tmp_path, "keeper", body)
    path = tmp_path / "trunkline.toml"
    path.write_text(MASK)
    return path


def replayed(*arguments: object) -> tuple[int, str]:
    """Run `replay` in this process; return exit code and output."""
    result = CliRunner().invoke(
        trunkline, ["replay", *map(str, arguments)], standalone_mode=False, catch_exceptions=False
    )
    return result.return_value, result.output


def test_replay_shows_what_each_frame_meets(recording: Path, config: Path) -> None:
    """Topic, filters, receivers; replies of the server are left out."""
    code, out = replayed(recording, "--config", config)
    lines = [line[9:] for line in out.splitlines()]  # without the time
    assert code == 0
    assert lines[0].startswith("audit audit_event  [")
    assert "changed" in lines[0]
    assert "-> plugin keeper" in lines[0]
    assert "dropped" in lines[1]
    assert lines[1].endswith("-> nobody")
    assert lines[2].startswith("invented invented")
    assert lines[3:] == ["-- gap (reconnect)", "not one JSON object: dropped"]


def test_replay_without_a_configuration_shows_the_built_ins(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking at a recording needs nothing but the recording."""
    monkeypatch.chdir(tmp_path)
    _, out = replayed(recording)
    assert "audit audit_event -> nobody" in out


def test_p26_an_expectation_holds_until_the_configuration_changes(
    recording: Path, config: Path, tmp_path: Path
) -> None:
    """`--json` now, `--expect` from then on: the same is 0, a difference is shown and 1."""
    expected = tmp_path / "expected.jsonl"
    expected.write_text(replayed(recording, "--config", config, "--json")[1])
    assert orjson.loads(expected.read_text().splitlines()[0])["data"]["payload"]["ip"] != "10.0.0.1"
    code, out = replayed(recording, "--config", config, "--expect", expected)
    assert (code, "as expected" in out) == (0, True)
    config.write_text(MASK.replace('["payload.ip"]', '["payload.action"]'))
    code, out = replayed(recording, "--config", config, "--expect", expected)
    assert code == 1
    assert '-{"at"' in out
    assert '+{"at"' in out
    assert "10.0.0.1" in out
    expected.write_text(replayed(recording, "--config", config)[1])  # `--json` was forgotten
    with pytest.raises(UserError, match="is not what `trunkline replay --json` prints"):
        replayed(recording, "--config", config, "--expect", expected)


def test_replay_feeds_a_host_whose_plugins_see_where_events_come_from(
    recording: Path, config: Path, tmp_path: Path
) -> None:
    """Filtered as live ones, marked `replay`, and the command ends with the recording."""
    result = CliRunner().invoke(
        trunkline, ["replay", str(recording), "--config", str(config), "--speed", "0"]
    )
    assert result.exit_code == 0
    [line] = (tmp_path / "kept").read_text().splitlines()
    assert line.startswith("replay")
    event = orjson.loads(line.removeprefix("replay"))
    assert event["data"]["payload"] == {"action": "created", "ip": "[redacted]"}
    assert event["received_at"].startswith("2025-11-24T16:00:01")


def test_speed_goes_with_no_output(recording: Path) -> None:
    """A host prints nothing that could be compared."""
    result = CliRunner().invoke(trunkline, ["replay", str(recording), "--speed", "1", "--json"])
    assert result.exit_code == 2
    assert "leave out the others" in result.output


def test_c90_a_torn_recording_is_shown_up_to_the_torn_line(recording: Path, config: Path) -> None:
    """What is whole is printed; the error names the line."""
    recording.write_bytes(recording.read_bytes()[:-9])
    result = CliRunner().invoke(trunkline, ["replay", str(recording), "--config", str(config)])
    assert result.output.startswith(tuple("0123456789"))
    assert isinstance(result.exception, UserError)
    assert "torn here" in str(result.exception)
