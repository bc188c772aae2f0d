"""The rows of the table of executions are plain, short and safe."""

from datetime import UTC, datetime, timedelta

from trunkline_plugins.flow import COLUMNS, Execution, rows

NOW = datetime(2026, 11, 22, 21, 10, tzinfo=UTC)


def test_rows_say_what_is_known() -> None:
    """Each cell is text; what is unknown is empty; a doubtful status has a question mark."""
    known = Execution(
        id="e75f19b5-19ab-494b-8746-a8ddf35efaa0",
        started_at=NOW - timedelta(seconds=200),
        updated_at=NOW,
        status="SUCCEEDED",
        flow_name="nightly",
        tokens=12345,
        cost=0.25,
        last_line="done",
    )
    doubtful = Execution(
        id="a", started_at=NOW, updated_at=NOW, status="RUNNING", is_uncertain=True
    )
    assert rows([known, doubtful], NOW) == [
        ("e75f19b5", "nightly", "SUCCEEDED", "3 min 20 s ago", "12,345", "$0.2500", "done"),
        ("a", "", "RUNNING?", "0 s ago", "", "", ""),
    ]
    assert len(COLUMNS) == 7


def test_rows_show_an_error_before_the_last_line() -> None:
    """Why a run failed is worth more than what it said last."""
    failed = Execution(
        id="a", started_at=NOW, updated_at=NOW, status="FAILED", error="no disk", last_line="bye"
    )
    [row] = rows([failed], NOW)
    assert row[-1] == "no disk"


def test_rows_disarm_foreign_text() -> None:
    """A log line cannot move the cursor, colour the screen or run over its cell."""
    evil = Execution(
        id="\x1b[2J",
        started_at=NOW,
        updated_at=NOW,
        flow_name="\u202eevil",
        last_line="\x1b]0;owned\x07" + "x" * 500,
    )
    [row] = rows([evil], NOW)
    assert all(cell.isprintable() for cell in row)
    assert row[0].startswith("\\x1b")
    assert len(row[-1]) < 110
