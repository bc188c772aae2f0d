"""The rows of the table of approvals are plain, short and safe."""

from datetime import UTC, datetime, timedelta

from trunkline_plugins.approval import COLUMNS, Approval, rows

NOW = datetime(2026, 11, 22, 21, 10, tzinfo=UTC)


def test_rows_show_age_and_expiry() -> None:
    """A pending request says how old it is and how long it may still be answered."""
    approval = Approval(
        id="28a60712-7e48-40d8-80a6-27841d6fd67e",
        status="pending",
        updated_at=NOW,
        requested_at=NOW - timedelta(seconds=61),
        expires_at=NOW + timedelta(hours=2, minutes=5),
        tool_name="deploy_service",
        agent_name="emit-agent",
        summary="All checks passed.",
        votes=1,
        votes_required=2,
    )
    [row] = rows([approval], NOW)
    assert row == (
        "28a60712",
        "deploy_service",
        "emit-agent",
        "pending 1/2",
        "1 min 1 s",
        "in 2 h 5 min",
        "All checks passed.",
    )
    assert len(COLUMNS) == len(row)


def test_rows_show_an_expired_request_as_expired() -> None:
    """A row is as of the time it is drawn for, not of the last event."""
    approval = Approval(id="a", status="pending", updated_at=NOW, requested_at=NOW, expires_at=NOW)
    [row] = rows([approval], NOW)
    assert (row[3], row[5]) == ("expired", "")


def test_rows_disarm_foreign_text() -> None:
    """An agent's reasoning cannot move the cursor or run over its cell."""
    approval = Approval(
        id="a",
        status="\x1b[31mpending",
        updated_at=NOW,
        requested_at=NOW,
        tool_name="rm\n\n\nfake row",
        summary="\u2066" * 300,
        is_uncertain=True,
    )
    [row] = rows([approval], NOW)
    assert all(cell.isprintable() for cell in row)
    assert row[3].endswith("?")
