"""What the server is told of whom: by the table of the plugin, in a host."""

from typing import Any

from trunkline.testing import HostFactory


async def recorded(trunkline_host: HostFactory, **table: object) -> dict[str, Any]:
    """Record an action of somebody; return what the server is told about it."""
    async with trunkline_host(only=["activity"], config={"activity": table}) as host:
        host.tracker.track_action("export.click", {"format": "csv"}, subject="alice")
        await host.flush()
        metadata: dict[str, Any] = host.sent("activity")[-1]["metadata"]
    assert metadata["format"] == "csv"
    return metadata


async def test_the_server_is_not_told_whom_a_record_is_about(trunkline_host: HostFactory) -> None:
    """Unless the table says so."""
    assert "alice" not in str(await recorded(trunkline_host))


async def test_send_subject_tells_whom_a_record_is_about(trunkline_host: HostFactory) -> None:
    """With a token, which this host has."""
    assert (await recorded(trunkline_host, send_subject=True))["_trunkline"]["subject"] == "alice"
