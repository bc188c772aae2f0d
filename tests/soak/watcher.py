"""The plugin that is watched: it writes down what it sees, sends, sleeps and fails.

One line for each thing, `WORD VALUES...`: `event N EPOCH`, `gap CAUSE DROPPED`, `marker N`,
`answered N`, `unknown N`, `not_sent N`, `refused N`.
"""

import itertools
from pathlib import Path
from typing import IO, Any

import attrs
import trio

from trunkline import Event, Gap, NotSent, OutcomeUnknown, PluginInfo, Rejected, hookimpl
from trunkline.plugin_api import PluginContext, Subscriptions


@attrs.frozen
class Settings:
    """Where to write."""

    path: Path


trunkline_plugin = PluginInfo(config=Settings)


class Notes:
    """The file, opened by whoever writes first."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def open(self, path: Path) -> None:
        self._file = self._file or path.open("a", buffering=1 << 16)

    def write(self, line: str) -> None:
        if self._file is not None:
            self._file.write(line + "\n")

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()


notes = Notes()


@hookimpl
def trunkline_register_subscriptions(subscriptions: Subscriptions, config: Settings) -> None:
    """Watch the stream in line; beside it one handler that sleeps, and one that fails."""
    notes.open(config.path)

    def see(event: Event) -> None:
        if "marker" in event.data:
            notes.write(f"marker {event.get('marker')}")
            notes.flush()
        else:
            notes.write(f"event {event.get('n')} {event.epoch}")

    def miss(gap: Gap) -> None:
        notes.write(f"gap {gap.cause} {gap.dropped}")

    async def sleep(_: Event) -> None:
        await trio.sleep(20)

    def fail(_: Event) -> None:
        raise RuntimeError("as asked for")

    subscriptions.add("audit", see, on_gap=miss)
    subscriptions.add("audit", sleep, on_gap=lambda _: None)
    subscriptions.add("runners", fail)


@hookimpl
async def trunkline_run(ctx: PluginContext[Any]) -> None:
    """Send a command, and record an activity, twice a second."""
    ctx.started()
    async with trio.open_nursery() as nursery:
        for number in itertools.count():
            ctx.tracker.track_action("soak.tick", {"n": number})
            nursery.start_soon(_command, ctx, number)
            notes.flush()
            await trio.sleep(0.5)


async def _command(ctx: PluginContext[Any], number: int) -> None:
    message = {"type": "command", "command": "note", "execution_id": "x", "message": number}
    try:
        with trio.move_on_after(20):
            await ctx.send(message)
            notes.write(f"answered {number}")
    except OutcomeUnknown:
        notes.write(f"unknown {number}")
    except NotSent:
        notes.write(f"not_sent {number}")
    except Rejected:
        notes.write(f"answered {number}")
