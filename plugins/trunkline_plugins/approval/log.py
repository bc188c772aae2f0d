"""The log of decisions: JSON lines that are appended to, on the disk before a decision is sent.

It is both the audit trail and the memory that outlives the process: a request that stands in it
has its decision, and one that was stored but not answered is completed with the same outcome. Host
and commands share the file, so whoever writes holds its lock and has read what others wrote.
Synchronous: its user calls it from worker threads.
"""

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from trunkline import Event, InvalidData, TrunklineError
from trunkline_plugins.approval.answer import Result
from trunkline_plugins.approval.decision import Decision
from trunkline_plugins.audit import append, opened

BLOCK = 1024 * 1024  # bytes read at once
#: So long somebody may be sending what he has stored; a request takes 10 s at most.
IN_FLIGHT = timedelta(seconds=60)
REMEMBERED = 10_000  # requests; the server itself refuses to decide an older one again


class AlreadyStored(TrunklineError):
    """The request has a decision in the log; `entry` is it."""

    def __init__(self, entry: "Entry") -> None:
        self.entry = entry
        done = entry.decision
        super().__init__(
            f"{done.request}: {done.by} on {done.host} has decided to {done.outcome} it,"
            f" and {entry.standing}"
        )


@attrs.frozen
class Entry:
    """A decision, and what became of it."""

    decision: Decision
    at: datetime
    """When it was stored."""
    result: str | None = None
    """What the server answered, or why nothing was sent; None: stored, and no more is known."""

    @property
    def is_open(self) -> bool:
        """It is not known to be answered."""
        return self.result is None

    @property
    def standing(self) -> str:
        """What became of it, in words."""
        return f"the result was: {self.result}" if self.result else "its answer is not known yet"


class DecisionLog:
    """The file, and what it says of each request."""

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        remembered: int = REMEMBERED,
    ) -> None:
        self.path = path
        self._now = now
        self._remembered = remembered
        self._entries: dict[str, Entry] = {}  # {request id: its last decision}, oldest first
        self._offset = 0  # up to here the file has been read
        self._inode: int | None = None  # of which this is true
        self._guard = threading.Lock()

    def find(self, request: str) -> Entry | None:
        """Return what is stored of a request.

        Raises:
            OSError: the file cannot be read.
        """
        with self._opened():
            return self._entries.get(request)

    def unanswered(self) -> tuple[Entry, ...]:
        """Return the decisions that were stored and not answered, oldest first.

        Raises:
            OSError: the file cannot be read.
        """
        if not self.path.exists():
            return ()
        with self._opened():
            return tuple(entry for entry in self._entries.values() if entry.is_open)

    def store(self, decision: Decision) -> None:
        """Write a decision, and return when it is on the disk.

        A rule decides a request once. People may vote after each other, but nobody decides while
        another outcome may be on its way; they have seen that the request is still pending.

        Raises:
            AlreadyStored: the request has a decision, and this is none beside it.
            OSError: it is not on the disk, so it must not be sent.
        """
        with self._opened() as fd:
            known = self._entries.get(decision.request)
            if known is not None and _bars(known, decision, self._now()):
                raise AlreadyStored(known)
            self._append(fd, {"kind": "decision", **attrs.asdict(decision)})

    def answer(self, decision: Decision, result: Result) -> None:
        """Write what became of a decision.

        Raises:
            OSError: it is not on the disk; the decision counts as unanswered.
        """
        record = {"request": decision.request, "by": decision.by, "outcome": decision.outcome}
        with self._opened() as fd:
            self._append(
                fd, {"kind": "answer", **record, "result": result.result, "error": result.error}
            )

    def withhold(self, decision: Decision, result: Result) -> None:
        """Write that a decision was not sent, and why; the request is left to people.

        Raises:
            OSError: it is not on the disk.
        """
        with self._opened() as fd:
            why = {"result": result.result, "error": result.error}
            self._append(fd, {"kind": "withheld", **attrs.asdict(decision), **why})

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Hold the file's lock, having read what has come; the lock ends with the descriptor."""
        with self._guard, opened(self.path) as fd:
            fcntl.flock(fd, fcntl.LOCK_EX)
            self._read(fd)
            yield fd

    def _read(self, fd: int) -> None:
        """Take in the whole lines that stand behind what has been read."""
        status = os.fstat(fd)
        if status.st_ino != self._inode or status.st_size < self._offset:  # it was put aside
            self._entries.clear()
            self._offset = 0
            self._inode = status.st_ino
        rest = b""
        while block := os.pread(fd, BLOCK, self._offset + len(rest)):
            *lines, rest_of_block = (rest + block).split(b"\n")
            for line in lines:
                self._offset += len(line) + 1
                self._take(line)
            rest = rest_of_block

    def _take(self, line: bytes) -> None:
        """Remember what a line says; one that is torn or foreign says nothing."""
        try:
            record = json.loads(line)
            kind, request = record["kind"], record["request"]
            if kind == "answer":
                entry = _answered(self._entries[request], record)
            else:
                decision: Decision = Event("", kind, record).as_(Decision)
                at = datetime.fromisoformat(record["at"]).astimezone(UTC)
                entry = Entry(decision, at, record["result"] if kind == "withheld" else None)
        except (ValueError, KeyError, TypeError, InvalidData):  # as far as JSON can be wrong
            return
        self._entries.pop(request, None)
        self._entries[request] = entry
        while len(self._entries) > self._remembered:
            del self._entries[next(iter(self._entries))]

    def _append(self, fd: int, record: Mapping[str, Any]) -> None:
        append(fd, json.dumps({"at": self._now().isoformat(), **record}).encode() + b"\n")
        self._read(fd)


def _answered(entry: Entry, record: Mapping[str, Any]) -> Entry:
    """Return an entry with its answer; that to an earlier decision leaves it open."""
    decision = entry.decision
    if (record["by"], record["outcome"]) != (decision.by, decision.outcome):
        return entry
    return attrs.evolve(entry, result=record["result"])


def _bars(known: Entry, decision: Decision, now: datetime) -> bool:
    """Tell whether what is stored leaves no room for a decision."""
    if decision.is_by_rule:
        return True
    is_other = known.decision.outcome != decision.outcome
    return known.is_open and is_other and now - known.at < IN_FLIGHT
