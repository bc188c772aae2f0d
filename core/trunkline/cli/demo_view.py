"""The demo as a picture for a terminal: one function from the model to what rich draws."""

from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trunkline.cli.demo_model import TERMINAL, DemoModel, ExecutionRow
from trunkline.text import escaped

STATE_STYLES = {"connected": "bold green", "reconnecting": "bold yellow", "blocked": "bold red"}
STATUS_STYLES = {"RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "STOPPED": "magenta"}
SHOWN_EXECUTIONS = 10
SHOWN_APPROVALS = 5


def picture(model: DemoModel) -> RenderableType:
    """Return the whole screen."""
    layout = Layout()
    layout.split_column(
        Layout(_head(model), size=4 + len(model.hints)),
        Layout(_executions(model), ratio=2),
        Layout(name="below", size=9),
    )
    layout["below"].split_row(Layout(_approvals(model), ratio=3), Layout(_notices(model), ratio=2))
    return layout


def _head(model: DemoModel) -> Panel:
    state = Text(model.state, STATE_STYLES.get(model.state, "bold yellow"))
    first = Text.assemble(
        "connection ",
        state,
        f"   reconnects {model.reconnects}   gaps {model.gaps}   {model.rate:5.1f} messages/s",
    )
    activity = "  ".join(f"{kind} {count}" for kind, count in sorted(model.activity.items()))
    second = Text(f"activity   {activity or 'none yet'}", "dim")
    label = "in a second terminal  "
    hints = [
        Text.assemble((label if number == 0 else " " * len(label), "dim"), hint)
        for number, hint in enumerate(model.hints)
    ]
    return Panel(
        Group(first, second, *hints), title=f"trunkline demo · {model.url}", title_align="left"
    )


def _executions(model: DemoModel) -> Panel:
    table = Table(expand=True, box=None, pad_edge=False, header_style="bold")
    for name, width in (("execution", 9), ("flow", 21), ("status", 12), ("time", 5)):
        table.add_column(name, width=width, no_wrap=True)
    table.add_column("last line", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("tokens", width=7, justify="right")
    rows = sorted(model.executions.values(), key=_order)[:SHOWN_EXECUTIONS]
    for row in rows:
        table.add_row(
            row.id[:8],
            escaped(row.flow, 21),
            Text(row.status, STATUS_STYLES.get(row.status, "")),
            f"{row.seconds:.0f} s",
            Text(escaped(row.line)),
            f"{row.tokens:,}" if row.tokens else "",
            style="dim" if row.status in TERMINAL else "",
        )
    return Panel(table, title="flow executions", title_align="left")


def _order(row: ExecutionRow) -> tuple[bool, float]:
    """Put what runs first, then what ended last."""
    return row.status in TERMINAL, -row.started


def _approvals(model: DemoModel) -> Panel:
    table = Table(expand=True, box=None, pad_edge=False, header_style="bold")
    table.add_column("id", width=8, no_wrap=True)
    table.add_column("tool", width=16, no_wrap=True)
    table.add_column("why", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("expires", width=8, justify="right")
    for row in list(model.approvals.values())[-SHOWN_APPROVALS:]:
        shown = (escaped(row.id)[:8], escaped(row.tool, 16), Text(escaped(row.why)))
        table.add_row(*shown, _left(row.expires_at))
    decided = ", ".join(f"{count} {status}" for status, count in sorted(model.decided.items()))
    title = "pending approvals" + (f" · {decided}" if decided else "")
    return Panel(table, title=title, title_align="left")


def _left(expires_at: datetime | None) -> Text:
    if expires_at is None:
        return Text("-")
    seconds = (expires_at - datetime.now(UTC)).total_seconds()
    return Text("expired", "red") if seconds < 0 else Text(f"{seconds:.0f} s")


def _notices(model: DemoModel) -> Panel:
    lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in model.notices]
    return Panel(Group(*lines), title="what happened", title_align="left")
