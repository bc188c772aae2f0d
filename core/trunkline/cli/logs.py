"""Log records as lines: text on a terminal, JSON otherwise; the only place where handlers are set.

The message of a record is a constant name, its data are fields (`docs/operations.md`). Foreign text
is escaped, one record is one line, and nothing that looks like a credential passes.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import click

from trunkline.text import escaped

#: What Python itself puts into a record; everything else is ours.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red", "DEBUG": "bright_black"}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return the data of a record, without what is None or empty."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _OWN and value is not None and value != ""
    }


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        for name, value in fields_of(record).items():
            plain = isinstance(value, int | float | bool)
            line[name] = value if plain else escaped(value, 2000)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


class TextLines(logging.Formatter):
    """A line for people: time, level, event, fields."""

    def __init__(self, *, in_colour: bool) -> None:
        super().__init__()
        self._in_colour = in_colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and the traceback below it."""
        when = datetime.fromtimestamp(record.created).astimezone()
        fields = " ".join(f"{n}={escaped(v)}" for n, v in fields_of(record).items())
        line = f"{when:%H:%M:%S} {record.levelname:7} {escaped(record.getMessage())}  {fields}"
        colour = COLOURS.get(record.levelname)
        if self._in_colour and colour:
            line = click.style(line.rstrip(), fg=colour)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line.rstrip()


class Stderr(logging.StreamHandler[Any]):
    """Writes to whatever stderr is now, and gives up quietly when it is gone."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    def handleError(self, record: logging.LogRecord) -> None:
        """Do not let a closed terminal end the host."""
        if not isinstance(sys.exc_info()[1], BrokenPipeError):
            super().handleError(record)


def set_up(level: str, *, as_json: bool | None = None) -> None:
    """Send logs to stderr: JSON lines unless it is a terminal, or as `as_json` says."""
    handler = Stderr()
    is_terminal = sys.stderr.isatty()
    if as_json if as_json is not None else not is_terminal:
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(TextLines(in_colour=wants_colour(is_terminal=is_terminal)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("trunkline").setLevel(level.upper())
    logging.getLogger("trunkline_local").setLevel(level.upper())


def wants_colour(*, is_terminal: bool) -> bool:
    """Tell whether colours are wanted (https://no-color.org)."""
    import os

    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
