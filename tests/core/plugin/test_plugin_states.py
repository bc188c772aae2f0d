"""The table of plugin states: every pair, and the record that moves by it."""

from datetime import UTC, datetime
from itertools import product

import pytest

from trunkline.errors import StateError
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.states import NEXT, PluginState, check

S = PluginState

#: the whole of P9, written out a second time
ALLOWED = {
    (S.WAITING, S.RUNNING),
    (S.WAITING, S.FAILED),
    (S.WAITING, S.STOPPED),
    (S.RUNNING, S.WAITING),
    (S.RUNNING, S.FAILED),
    (S.RUNNING, S.STOPPED),
}


@pytest.mark.parametrize(("old", "new"), list(product(PluginState, PluginState)))
def test_p09_the_table_answers_for_every_pair(old: PluginState, new: PluginState) -> None:
    """Six changes are allowed; the other nineteen are a bug of ours."""
    if (old, new) in ALLOWED:
        check(old, new)
    else:
        with pytest.raises(StateError, match=f"{old.value} cannot become {new.value}"):
            check(old, new)


def test_p09_every_state_has_its_row() -> None:
    """A state added to the enum without a row would raise KeyError in a running host."""
    assert set(NEXT) == set(PluginState)


def test_p09_a_record_is_replaced_not_changed() -> None:
    """Who holds a record keeps what was true then."""
    waiting = PluginRecord("audit", "path", "audit.py")

    running = waiting.moved(S.RUNNING, phase="run")

    assert (waiting.state, running.state, running.phase) == (S.WAITING, S.RUNNING, "run")


def test_p09_a_waiting_record_takes_another_reason() -> None:
    """Failing again is no change of state, yet the reason and the time are new."""
    soon = datetime(2026, 1, 1, tzinfo=UTC)
    record = PluginRecord("audit", "path", "audit.py").moved(S.WAITING, reason="first")

    record = record.moved(S.WAITING, reason="second", retry_at=soon)

    assert (record.reason, record.retry_at) == ("second", soon)


def test_p09_a_final_record_does_not_move() -> None:
    """Disabled and failed are final."""
    failed = PluginRecord("audit", "path", "audit.py").moved(S.FAILED, reason="no")

    with pytest.raises(StateError):
        failed.moved(S.RUNNING)


def test_p10_a_change_is_told_in_full() -> None:
    """The event `plugin.state` carries plugin, old, new, phase, reason and the next try."""
    old = PluginRecord("audit", "path", "audit.py", phase="run").moved(S.RUNNING)
    new = old.moved(S.WAITING, reason="boom", retry_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert new.change_from(old) == {
        "plugin": "audit",
        "old": "running",
        "new": "waiting",
        "phase": "run",
        "reason": "boom",
        "retry_at": "2026-01-01T00:00:00+00:00",
    }


def test_p08_the_line_of_a_failure_says_what_where_and_the_way_out() -> None:
    """One line: name, version, distribution, place, cause, how to switch it off, whom to tell."""
    record = PluginRecord(
        "audit",
        "entry_point",
        "acme_audit",
        dist="trunkline-acme",
        version="2.1.0",
        phase="import",
        issues_url="https://acme.example/issues",
    ).moved(
        S.FAILED,
        reason="ModuleNotFoundError: No module named 'not_there'",
        location="acme_audit.py:41",
    )

    assert record.failure == (
        "plugin audit 2.1.0 (trunkline-acme; acme_audit.py:41) failed to import: "
        "ModuleNotFoundError: No module named 'not_there'; skipped. Off: --disable audit. "
        "Report: https://acme.example/issues"
    )
