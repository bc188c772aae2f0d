"""What the tests of the outbox stand on: rows, stores with sinks, an Activity with a fake sink."""

import random
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import trio

from trunkline.activity.activity import Activity
from trunkline.activity.outbox import (
    IN_FILE,
    IN_MEMORY,
    At,
    Batch,
    Bounds,
    Connect,
    Outbox,
    Register,
    Row,
    SinkKey,
    connected,
    nowhere,
    open_file,
    open_memory,
)
from trunkline.activity.outbox.rows import RANKS
from trunkline.activity.sinks import SinkRule
from trunkline.activity.tracker import Tracker
from trunkline.activity.worker import in_line
from trunkline.events import Event

NOW = 1_795_000_000.0


OPENED: list[Outbox] = []  # by `store`; the fixture of the folder closes them


def row(
    name: str = "a", kind: str = "action", subject: str | None = None, topic: str = "activity"
) -> Row:
    data = orjson.dumps({"at": 1, "metadata": {}, "name": name, "subject": subject})
    rank = RANKS.get(kind, 0)
    return Row(f"id-{name}", topic, kind, "local", 0, NOW, subject, rank, 128 + len(data), data)


def key(name: str, *topics: str) -> SinkKey:
    return SinkKey(name, name.partition(".")[0], topics or ("activity",))


def store(
    *keys: SinkKey,
    path: Path | None = None,
    bounds: Bounds | None = None,
    away: Collection[str] = (),
    at: At = nowhere,
    connect: Connect = connected,
) -> Outbox:
    opened = open_memory(connect) if path is None else open_file(path, connect)
    bounds = bounds or (IN_MEMORY if path is None else IN_FILE)
    made = Outbox(opened, bounds, Register(keys or (key("p.sink"),), away), at=at)
    OPENED.append(made)
    return made


def names(batch: Batch) -> list[str]:
    return [event.get("name") for event in batch.events]


def books(outbox: Outbox, sink: str = "p.sink") -> int:
    """Return everything that became of what `sink` was given: what went in, if they balance."""
    place = outbox.places[sink]
    settled = place.delivered + place.dead + place.forgotten + sum(place.evicted.values())
    return settled + place.waiting


class Recorder:
    """A sink that writes down its batches and answers as it is told."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.events: list[Event] = []
        self.batches: list[int] = []  # events in each
        self.times: list[float] = []  # of each call

    async def write(self, events: Sequence[Event]) -> None:
        self.times.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, float):
            await trio.sleep(answer)
        self.events += events
        self.batches.append(len(events))

    @property
    def names(self) -> list[str]:
        return [event.get("name", event.type) for event in self.events]


def rule(sink: Any, name: str = "p.sink", **options: Any) -> SinkRule:
    return SinkRule(name, name.partition(".")[0], sink, **{"linger": 0.0, **options})


@asynccontextmanager
async def running(
    *rules: SinkRule, tracker: Tracker | None = None, **options: Any
) -> AsyncIterator[tuple[Tracker, Activity]]:
    """Run an Activity, everything in line, so that a virtual clock can be used."""
    tracker = tracker or Tracker(environ={})
    activity = Activity(tracker, rules, random.Random(1), **{"run_sync": in_line, **options})
    async with trio.open_nursery() as nursery:
        await nursery.start(activity.run)
        yield tracker, activity
        nursery.cancel_scope.cancel()
