"""A host's pipeline in a child process that ends in the middle, and what is left of it afterwards.

The child is forked, tells on a pipe what it was given and what it was told to be stored, and is
killed by its parent, or ends itself at a named point as `kill -9` would end it.
"""

import os
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio
import trio.lowlevel

from trunkline.activity.activity import Activity
from trunkline.activity.outbox import nowhere
from trunkline.activity.sinks import SinkRule
from trunkline.activity.tracker import Tracker
from trunkline.activity.worker import in_line
from trunkline.errors import Reject
from trunkline.events import Event
from trunkline.simulator.ledger import Ledger

KILLED = 137  # what a shell says of a process that `kill -9` has ended
BATCH = 16
SINKS = ("p.first", "p.second")


class Pipeline:
    """One outbox in a folder, its two sinks, and the ledger of everything that happens to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger()
        for name in SINKS:
            self.ledger.sink(name)
        self.odd: set[str] = set()
        """What the sinks will not take, as far as it was said to be stored."""
        self.dead: Counter[tuple[str, str]] = Counter()
        """{(sink, id): dead letters} after the last run."""
        self._written: Counter[str] = Counter()  # {sink: lines that are in the ledger}

    def _rules(self) -> list[SinkRule]:
        return [
            SinkRule(name, "p", _appending(self.folder / name), batch=BATCH, linger=0.0)
            for name in SINKS
        ]

    def run(
        self, *, crash_at: str | None = None, nth: int = 1, kill_after: float | None = None
    ) -> int:
        """Live until the crash, or until everything is delivered; return the exit code."""
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            self._live(writer, crash_at, nth, endless=kill_after is not None)
            os._exit(0)
        os.close(writer)
        if kill_after is not None:
            first = os.read(reader, 1)  # it is at work
            assert first
            trio.run(trio.sleep, kill_after)
            os.kill(pid, signal.SIGKILL)
        else:
            first = b""
        with os.fdopen(reader, "rb") as pipe:
            told = (first + pipe.read()).decode()
        _, status = os.waitpid(pid, 0)
        self._judge(told)
        return KILLED if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)

    def _live(self, writer: int, crash_at: str | None, nth: int, *, endless: bool) -> None:
        met: Counter[str] = Counter()

        def at(name: str) -> None:
            met[name] += 1
            if name == crash_at and met[name] == nth:
                os._exit(KILLED)

        async def main() -> None:
            tracker = Tracker(environ={})
            path = self.folder / "outbox.db"
            activity = Activity(
                tracker,
                self._rules(),
                random.Random(1),
                path=path,
                at=at if crash_at else nowhere,
                run_sync=None if endless else in_line,  # a thread, as in a host
            )
            async with trio.open_nursery() as nursery:
                await nursery.start(activity.run)
                rounds = 10**9 if endless else 4
                for _ in range(rounds):
                    names = ["odd" if n == 12 else f"n{n}" for n in range(30)]
                    ids = [(name, tracker.track_action(name)) for name in names]
                    told = "".join(f"accepted {id_}\n" for name, id_ in ids if name != "odd")
                    os.write(writer, told.encode())
                    report = await tracker.flush(10, until="stored")
                    if report.is_done:
                        words = [("odd" if name == "odd" else "stored", id_) for name, id_ in ids]
                        os.write(writer, "".join(f"{word} {id_}\n" for word, id_ in words).encode())
                    if crash_at == "checkpoint":
                        tracker.forget("nobody")
                    await trio.lowlevel.checkpoint()
                assert (await tracker.flush(20)).is_done
                nursery.cancel_scope.cancel()

        trio.run(main)

    def _judge(self, told: str) -> None:
        """Report to the ledger what the child said, what is in the file, what the sinks hold."""
        report = {
            "accepted": self.ledger.accepted,
            "stored": self.ledger.stored,
            "odd": self.odd.add,
        }
        for line in told.splitlines(keepends=True):
            word, _, id_ = line.strip().partition(" ")
            if line.endswith("\n"):
                report[word](id_)
        self._note_written()
        self.ledger.killed()
        db = sqlite3.connect(self.folder / "outbox.db")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        self.ledger.restarted({id_ for (id_,) in db.execute("SELECT id FROM events")})
        self.dead = Counter(db.execute("SELECT sink, id FROM dead").fetchall())
        db.close()

    def _note_written(self) -> None:
        for name in SINKS:
            path = self.folder / name
            lines = path.read_text().splitlines() if path.exists() else []
            for id_ in lines[self._written[name] :]:
                self.ledger.written(id_, name)
            self._written[name] = len(lines)


def _appending(path: Path) -> Any:
    async def write(events: Sequence[Event]) -> None:
        await trio.lowlevel.checkpoint()
        good = [event.id for event in events if event.get("name") != "odd"]
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(fd, "".join(f"{id_}\n" for id_ in good).encode())
        os.close(fd)
        odd = {n: "odd" for n, event in enumerate(events) if event.get("name") == "odd"}
        if odd:
            raise Reject(odd)

    return write
