"""What the plugin promises, against a host in memory and in virtual time."""

import json
from pathlib import Path

import pytest
import trio

from trunkline.testing import HostFactory, assert_plugin_conforms

ENTRY = {"topic": "audit", "type": "audit_event", "payload": {"action": "tool_call"}}


async def test_entries_are_kept(trunkline_host: HostFactory, tmp_path: Path) -> None:
    """One line of JSON for each, also after the connection was lost."""
    file = tmp_path / "audit.jsonl"
    async with trunkline_host(only=["audit"], config={"audit": {"file": str(file)}}) as host:
        await host.push(ENTRY)
        await host.drop_connection()
        await host.push(ENTRY)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["data"]["payload"]["action"] for line in lines] == ["tool_call", "tool_call"]


async def test_counts_are_published(trunkline_host: HostFactory, tmp_path: Path) -> None:
    """Once in each interval, and shown in the status."""
    table = {"file": str(tmp_path / "audit.jsonl"), "interval": 60}
    async with trunkline_host(only=["audit"], config={"audit": table}) as host:
        await host.push(ENTRY)
        await trio.sleep(61)
        [summary] = host.published("audit_summary")
        assert dict(summary.data) == {"tool_call": 1}
        assert host.note("audit") == "1 entries"


async def test_a_file_that_cannot_be_written_is_an_error(
    trunkline_host: HostFactory, tmp_path: Path
) -> None:
    """Named, and contained: the host goes on."""
    table = {"file": str(tmp_path / "no" / "folder")}
    async with trunkline_host(only=["audit"], config={"audit": table}) as host:
        await host.push(ENTRY)
        [error] = host.errors()
        assert error.plugin == "audit"
        assert "No such file" in error.reason


async def test_the_table_is_required(trunkline_host: HostFactory) -> None:
    """Without it the plugin is not loaded, and the host says which key is missing."""
    with pytest.raises(AssertionError, match=r"plugin\.audit\.file: this key is required"):
        await trunkline_host(only=["audit"]).__aenter__()


def test_it_leaves_nothing_behind(tmp_path: Path) -> None:
    """Started, cut off and stopped at each of its checkpoints."""
    assert_plugin_conforms("audit", {"file": str(tmp_path / "audit.jsonl")})
