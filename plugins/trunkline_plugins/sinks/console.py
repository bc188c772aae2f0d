"""Sink `console`: one line an event on standard output, for people who watch."""

import logging
import os
from collections.abc import Sequence
from typing import Literal

import attrs
import orjson
import trio

from trunkline import Event
from trunkline.plugin_api import NotReady, Sinks
from trunkline_plugins.files import write_all
from trunkline_plugins.text import printable

logger = logging.getLogger(__name__)

STDOUT = 1
DATA_SHOWN = 400  # characters of an event's data
DIM, BOLD, RESET = "\x1b[2m", "\x1b[1m", "\x1b[0m"


@attrs.frozen
class ConsoleSettings:
    """One entry of `[plugin.activity] sinks`: `{ kind = "console" }`."""

    kind: Literal["console"] = "console"
    """Which sink this is."""
    name: str = "console"
    """What logs and `trunkline status` call it."""
    topics: tuple[str, ...] = ("activity",)
    """The topics whose events it gets; `*` is every topic."""

    def register(self, sinks: Sinks) -> None:
        """Deliver to it."""
        sinks.add(self.name, ConsoleSink(), topics=self.topics)


class ConsoleSink:
    """Writes to a descriptor; once nobody reads there any more it takes events and shows none."""

    def __init__(self, fd: int = STDOUT) -> None:
        self._fd = fd
        self._is_colored = os.isatty(fd) and not os.environ.get("NO_COLOR")
        self._is_closed = False
        self._limiter = trio.CapacityLimiter(1)  # lines of two batches never mix

    async def write(self, events: Sequence[Event]) -> None:
        """Show the batch; a terminal that was stopped may take as long as the host allows."""
        if self._is_closed:
            return
        text = "".join(self._line(event) + "\n" for event in events)
        try:
            await trio.to_thread.run_sync(
                write_all,
                self._fd,
                text.encode(),
                abandon_on_cancel=True,  # a stopped terminal must not hold up the host's end
                limiter=self._limiter,
            )
        except BlockingIOError as exc:
            raise NotReady("the terminal takes no more at the moment") from exc
        except OSError as exc:
            self._is_closed = True
            logger.warning("console.closed", extra={"sink": "console", "reason": exc.strerror})

    def _line(self, event: Event) -> str:
        try:
            data = orjson.dumps(dict(event.data)).decode()
        except orjson.JSONEncodeError:
            data = "(not shown: nested too deeply)"
        text = printable(data, DATA_SHOWN)
        label = printable(f"{event.topic} {event.type}", DATA_SHOWN)
        moment = f"{event.received_at:%H:%M:%S}"
        if self._is_colored:
            return f"{DIM}{moment}{RESET} {BOLD}{label}{RESET} {text}"
        return f"{moment} {label} {text}"
