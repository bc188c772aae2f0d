"""The table of executions as rows of plain text, for whoever draws it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.log import LogEntry
from trunkline_plugins.text import printable, span

COLUMNS = ("execution", "flow", "status", "started", "tokens", "cost", "last line")

ID_SHOWN = 8  # characters: enough to tell executions apart, as Git does with commits
NAME_SHOWN = 24
LINE_SHOWN = 80
LOG_SHOWN = 400
DETAIL_SHOWN = 300


def rows(executions: Iterable[Execution], now: datetime) -> list[tuple[str, ...]]:
    """Return a row for each execution, in their order; safe to print."""
    return [_row(execution, now) for execution in executions]


def _row(execution: Execution, now: datetime) -> tuple[str, ...]:
    return (
        printable(execution.id[:ID_SHOWN], ID_SHOWN),
        printable(execution.flow_name or "", NAME_SHOWN),
        printable(execution.status, NAME_SHOWN) + "?" * execution.is_uncertain,
        f"{span(now - execution.started_at)} ago",
        "" if execution.tokens is None else f"{execution.tokens:,}",
        "" if execution.cost is None else f"${execution.cost:.4f}",
        printable(execution.error or execution.last_line or "", LINE_SHOWN),
    )


def line_of(entry: LogEntry) -> str:
    """Return a line of a log with its time, for a terminal of this place."""
    text = printable(entry.text, LOG_SHOWN)
    return f"{entry.at.astimezone():%H:%M:%S} {text}"


def detail(execution: Execution, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is known of one execution, with its name; what is not known is left out.

    `row` is the server's, for what only a single look tells.
    """
    began, ended = execution.started_at, execution.ended_at
    until = f"{ended.astimezone():%H:%M:%S}, after {span(ended - began)}" if ended else None
    known: dict[str, object] = {
        "execution": execution.id,
        "flow": execution.flow_name,
        "status": execution.status,
        "started": f"{began.astimezone():%Y-%m-%d %H:%M:%S}",
        "ended": until,
        "tokens": None if execution.tokens is None else f"{execution.tokens:,} tokens",
        "tool calls": execution.tool_calls,
        "cost": None if execution.cost is None else f"${execution.cost:.4f}",
        "prompt": row.get("resolved_input_prompt"),
        "outcome": execution.summary,
        "error": execution.error,
        "stopped": row.get("stop_reason"),
    }
    for name, value in known.items():
        if value not in {None, ""}:
            yield name, printable(str(value), DETAIL_SHOWN)
