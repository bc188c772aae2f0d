"""The table of executions as rows of plain text, for whoever draws it."""

from collections.abc import Iterable
from datetime import datetime

from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.text import printable, span

COLUMNS = ("execution", "flow", "status", "started", "tokens", "cost", "last line")

ID_SHOWN = 8  # characters: enough to tell executions apart, as Git does with commits
NAME_SHOWN = 24
LINE_SHOWN = 80


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
