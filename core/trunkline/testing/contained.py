"""What the host has contained: the failures of plugins that a running host survives.

A host logs them and goes on. A test wants to know, so what it logs is kept here, and sinks are
watched at work.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import attrs

from trunkline.activity.sinks import SinkRule
from trunkline.border import let_pass
from trunkline.errors import NotReady, Reject
from trunkline.events import Event
from trunkline.plugin.binding import BoundSink
from trunkline.supervise import reason_of

ROOT = logging.getLogger("trunkline")
TASK_OF_PLUGIN = "plugin "  # begins the name of a plugin's supervised task

#: {log event: the field that names the culprit}
_CULPRITS = {
    "handler.failed": "plugin",
    "rule.failed": "plugin",
    "task.failed": "task_name",
    "task.fatal": "task_name",
    "backfill.failed": "plugin",
}


@attrs.frozen
class ContainedError:
    """A failure of a plugin that cost nobody else anything."""

    plugin: str
    """Who failed; a filter or classifier by its full name, `plugin.name`."""
    event: str
    """What the host logs about it: `handler.failed`, `task.failed`, `sink.failed`, ..."""
    reason: str
    exception: BaseException | None = None
    """What was raised; None for the repeats of a failure, and where nothing was."""

    def __str__(self) -> str:
        return f"{self.event}: {self.plugin or 'a subscriber'}: {self.reason}"


class Contained(logging.Handler):
    """Collects contained errors from the log of a host."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[ContainedError] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record if it tells of a plugin's failure."""
        field = _CULPRITS.get(record.msg)
        if field is None:
            return
        exc = record.exc_info[1] if record.exc_info else None
        reason = getattr(record, "reason", None) or getattr(record, "error", "")
        self.errors.append(
            ContainedError(
                str(getattr(record, field)).removeprefix(TASK_OF_PLUGIN),
                record.msg,
                str(reason) if exc is None else reason_of(exc),
                exc,
            )
        )

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for the scope; repeats are told at DEBUG, so that level is on."""
        level = ROOT.level
        ROOT.addHandler(self)
        ROOT.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            ROOT.setLevel(level)
            ROOT.removeHandler(self)


class WatchedSink:
    """A plugin's sink that remembers what it has taken, and tells of its failures."""

    def __init__(self, rule: SinkRule, contained: Contained) -> None:
        self.taken: list[Event] = []
        self._owner = rule.owner
        self._contained = contained
        self._ctx: object = None
        self._inner = BoundSink(rule.sink, lambda: self._ctx)

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(kind, exc, traceback)

    async def write(self, events: Sequence[Event], ctx: object) -> None:
        """Deliver the batch, and remember what of it was taken."""
        self._ctx = ctx
        try:
            await self._inner.write(events)
        except Reject as exc:
            self.taken += [each for at, each in enumerate(events) if at not in exc.reasons]
            raise
        except NotReady:
            raise
        except BaseException as exc:
            let_pass(exc)
            error = ContainedError(self._owner, "sink.failed", reason_of(exc), exc)
            self._contained.errors.append(error)
            raise
        self.taken += events
