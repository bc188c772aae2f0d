"""The whole plugins of `docs/examples`: what each is there to show, on a host in memory."""

import json
from pathlib import Path

import pytest
import trio

from trunkline.testing import HostFactory, assert_plugin_conforms

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
AUDIT, AUDIT_TRAIL = EXAMPLES / "audit.py", EXAMPLES / "audit_trail.py"


async def test_p27_the_ten_lines(
    trunkline_host: HostFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    """They print what the server writes to its audit log."""
    async with trunkline_host(only=[AUDIT]) as host:
        await host.push({"type": "audit_event", "payload": {"action": "policy_allow"}})
    assert capsys.readouterr().out == (
        "2026-01-01 00:00:00+00:00 {'type': 'audit_event', 'payload': {'action': 'policy_allow'}}\n"
    )


async def test_p27_the_same_grown_up(trunkline_host: HostFactory, tmp_path: Path) -> None:
    """It masks for everybody, keeps every entry, and counts those of sessions."""
    file = tmp_path / "audit.jsonl"
    config = {"audit_trail": {"file": str(file)}}
    async with trunkline_host(only=[AUDIT_TRAIL], config=config) as host:
        for action in ("runtime_session_created", "policy_allow"):
            payload = {"action": action, "ip": "10.0.0.1"}
            await host.push({"topic": "audit", "type": "audit_event", "payload": payload})
        await trio.sleep(61)
        assert [event.get("payload.ip") for event in host.published("audit")] == ["***", "***"]
        [summary] = host.published("audit_summary")
        assert dict(summary.data) == {"runtime_session_created": 1}
        await host.flush()
        delivered = [event.id for event in host.delivered("audit_trail.file")]
        assert delivered == [event.id for event in host.published("audit")]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["data"]["payload"]["ip"] for line in lines] == ["***", "***"]


def test_p27_both_conform(tmp_path: Path) -> None:
    """Whatever end they meet."""
    assert_plugin_conforms(AUDIT)
    assert_plugin_conforms(AUDIT_TRAIL, {"file": str(tmp_path / "audit.jsonl")})
