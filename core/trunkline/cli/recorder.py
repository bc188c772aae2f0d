"""Carries frames from a connection to a file without ever holding up the connection."""

import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Any

import attrs
import click
import trio

from trunkline.background import background_nursery
from trunkline.config import EVERY_TOPIC, HOST_TOPIC
from trunkline.events import Gap
from trunkline.host import open_connection
from trunkline.mailbox import Mailbox
from trunkline.recording import frame_line, gap_line

WAITING_LINES = 100_000
#: A disk that is slower than the server loses the newest, and says so.
WAITING_BYTES = 64 * 1024 * 1024
FLUSH_INTERVAL = 1.0  # s; what a kill may cost


class Recorder:
    """One recording under way."""

    def __init__(self, limit: int | None = None) -> None:
        """Stop after `limit` frames, if it is given."""
        self._limit = limit
        self._lines: Mailbox[bytes] = Mailbox(
            limit=WAITING_LINES, limit_bytes=WAITING_BYTES, overflow="refuse"
        )
        self._lost_since: float | None = None
        self._lost = 0
        self._epoch = 0
        self.frame_count = 0
        self.gap_count = 0

    async def run(self, arguments: dict[str, Any], file: IO[bytes], limit: float | None) -> None:
        """Record for at most `limit` seconds, or until the count is reached or it is cancelled."""
        async with open_connection(**arguments) as connection, background_nursery() as nursery:
            connection.tracker.disable()  # who records is no visitor
            connection.on_frames(self._take)
            connection.subscribe(HOST_TOPIC, lambda _: None, on_gap=self._take_gap)
            await nursery.start(self._stop_on_signal)
            if limit is not None:
                nursery.start_soon(self._stop_after, limit)
            if sys.stderr.isatty():
                nursery.start_soon(self._show_progress)
            await self._write(file)

    async def _stop_on_signal(self, *, task_status: trio.TaskStatus[None]) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                self._lines.close()

    async def _stop_after(self, limit: float) -> None:
        await trio.sleep(limit)
        self._lines.close()

    def _take(self, payloads: Sequence[bytes], epoch: int, at: float) -> None:
        for payload in payloads:
            if self._limit is not None and self.frame_count >= self._limit:
                self._lines.close()
                return
            self._epoch = epoch
            self._close_hole(at)
            line = frame_line(payload, epoch, at)
            if self._lines.put(line, len(line)):
                self.frame_count += 1
            else:
                self._lost_since = self._lost_since or at
                self._lost += 1
        if self._limit is not None and self.frame_count >= self._limit:
            self._lines.close()

    def _close_hole(self, at: float) -> None:
        """Write what was lost in its place, as soon as there is room again."""
        if self._lost_since is not None and self._lines.has_room(1024):
            self._take_gap(self._hole(self._lost_since, at))

    def _hole(self, lost_since: float, at: float) -> Gap:
        since, until = datetime.fromtimestamp(lost_since, UTC), datetime.fromtimestamp(at, UTC)
        gap = Gap(EVERY_TOPIC, "overflow", since, until, self._epoch, self._lost)
        self._lost_since, self._lost = None, 0
        return gap

    def _take_gap(self, gap: Gap) -> None:
        line = gap_line(attrs.evolve(gap, topic=EVERY_TOPIC), time.time())
        if self._lines.put(line, len(line)):
            self.gap_count += 1
        else:  # it is inside the hole
            self._lost_since = self._lost_since or gap.since.timestamp()

    async def _write(self, file: IO[bytes]) -> None:
        flushed_at = trio.current_time()
        while True:
            try:
                batch = await self._lines.get_batch()
            except trio.EndOfChannel:
                if self._lost_since is not None:
                    now = time.time()
                    file.write(gap_line(self._hole(self._lost_since, now), now))
                    self.gap_count += 1
                return
            await trio.to_thread.run_sync(file.write, b"".join(batch))
            if trio.current_time() - flushed_at > FLUSH_INTERVAL:
                await trio.to_thread.run_sync(file.flush)
                flushed_at = trio.current_time()

    async def _show_progress(self) -> None:
        try:
            while True:
                click.echo(
                    f"\r{self.frame_count} frames, {self.gap_count} gaps ", nl=False, err=True
                )
                await trio.sleep(FLUSH_INTERVAL)
        finally:
            click.echo("\r" + " " * 40 + "\r", nl=False, err=True)
