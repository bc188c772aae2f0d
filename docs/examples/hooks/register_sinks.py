"""Delivers two topics to a file; waits while the disk is full, and gives up what is too long."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

from trunkline import Event, PluginInfo, hookimpl
from trunkline.plugin_api import NotReady, Reject, Sinks

LONGEST = 10_000  # characters of a line


@attrs.frozen
class ArchiveConfig:
    """The table of the plugin."""

    file: Path
    """One line of JSON for each event."""


trunkline_plugin = PluginInfo(config=ArchiveConfig)


@hookimpl
def trunkline_register_sinks(sinks: Sinks, config: ArchiveConfig) -> None:
    """Up to 50 events at once, each at most 2 s late."""

    async def write(events: Sequence[Event]) -> None:
        lines = [event.to_json() for event in events]
        short = [line for line in lines if len(line) <= LONGEST]
        try:
            async with await trio.open_file(config.file, "a") as file:
                await file.write("".join(line + "\n" for line in short))
        except OSError as exc:
            raise NotReady(f"cannot write: {exc.strerror}", retry_after=5) from exc
        long = {at: "too long" for at, line in enumerate(lines) if len(line) > LONGEST}
        if long:
            raise Reject(long)

    sinks.add("file", write, topics=("approvals", "audit"), batch=50, linger=2.0)
