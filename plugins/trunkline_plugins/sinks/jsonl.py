"""Sink `jsonl`: events as JSON Lines in a file that rotates."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import attrs
import trio

from trunkline import Event
from trunkline.plugin_api import NotReady, Reject, Sinks
from trunkline_plugins.sinks.encoding import encode, line
from trunkline_plugins.sinks.rotating import RotatingFile


@attrs.frozen
class JsonlSettings:
    """One entry of `[plugin.activity] sinks`: `{ kind = "jsonl", path = "events.jsonl" }`."""

    path: Path
    """The file, made with mode 0600; its archives lie beside it."""
    kind: Literal["jsonl"] = "jsonl"
    """Which sink this is."""
    name: str = "jsonl"
    """What logs and `trunkline status` call it."""
    topics: tuple[str, ...] = ("activity",)
    """The topics whose events it gets; `*` is every topic."""
    fsync: bool = False
    """Wait after each batch until it is on the disk."""

    def register(self, sinks: Sinks) -> None:
        """Deliver to it."""
        sink = JsonlSink(RotatingFile(self.path, fsync=self.fsync))
        sinks.add(self.name, sink, topics=self.topics)


class JsonlSink:
    """Appends whole lines, `event.to_json()` each, one write a batch; after a crash some repeat."""

    def __init__(self, file: RotatingFile) -> None:
        self._file = file

    async def __aenter__(self) -> Self:
        await trio.to_thread.run_sync(self._file.open)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._file.close()  # in line: it must also happen when cancelled

    async def write(self, events: Sequence[Event]) -> None:
        """Append the batch.

        The thread is waited for even when cancelled: two must never write to one file.

        Raises:
            NotReady: the file cannot be written now; that is never an event's fault.
            Reject: some events are no JSON; the others are written.
        """
        lines, refused = encode(events, line)
        try:
            await trio.to_thread.run_sync(self._file.append, "".join(lines).encode())
        except OSError as exc:
            reason = exc.strerror or os.strerror(exc.errno or 0)
            raise NotReady(f"{self._file.path}: {reason}") from exc
        if refused:
            raise Reject(refused)
