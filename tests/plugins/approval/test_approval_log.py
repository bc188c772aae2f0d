"""The log of decisions: on the disk before anything is sent, whole after a crash, shared by all."""

import json
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from approval_bench import ID, START, decision, lines_of

from trunkline_plugins.approval.answer import Result
from trunkline_plugins.approval.decision import Decision
from trunkline_plugins.approval.log import AlreadyStored, DecisionLog


def log_at(path: Path, remembered: int = 100) -> DecisionLog:
    return DecisionLog(path, now=lambda: START, remembered=remembered)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "decisions.jsonl"


def result(word: str, of: Decision) -> Result:
    return Result(request=of.request, outcome=of.outcome, result=word)


def person(outcome: str = "approve", name: str = "alice") -> Decision:
    return decision(outcome, by=name, is_by_rule=False)  # type: ignore[arg-type] # two words


def test_a_decision_is_a_line_with_who_what_and_the_hash(path: Path) -> None:
    """Everything that an auditor asks, and none of the arguments themselves."""
    log_at(path).store(decision(tool_name="deploy_service", comment="as agreed"))
    [line] = lines_of(path)
    record = json.loads(line)
    assert record == {
        "at": "2026-11-22T21:02:00+00:00",
        "kind": "decision",
        "request": ID,
        "outcome": "approve",
        "hash": decision().hash,
        "by": "rule[0]",
        "is_by_rule": True,
        "host": "here",
        "tool_name": "deploy_service",
        "comment": "as agreed",
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_rule_decides_a_request_once(path: Path) -> None:
    """Not twice, not after a restart, not after a person; whatever the outcome."""
    log = log_at(path)
    log.store(decision("decline"))
    for later in (log, log_at(path)):
        for outcome in ("approve", "decline"):
            with pytest.raises(AlreadyStored, match=r"rule\[0\] on here has decided to decline it"):
                later.store(decision(outcome))
    log.store(person("decline"))
    assert len(lines_of(path)) == 2


def test_people_vote_after_each_other_but_not_against_what_is_on_its_way(path: Path) -> None:
    """Two outcomes of one request are never under way at once."""
    log = log_at(path)
    first = person("approve", "alice")
    log.store(first)
    with pytest.raises(AlreadyStored, match="its answer is not known yet"):
        log.store(person("decline", "bob"))
    second = person("approve", "bob")
    log.store(second)
    log.answer(first, result("pending", first))
    with pytest.raises(AlreadyStored, match="bob on here has decided to approve it"):
        log.store(person("decline", "alice"))
    log.answer(second, result("pending", second))
    log.store(person("decline", "alice"))


def test_a_person_is_not_barred_by_what_cannot_be_on_its_way_any_more(path: Path) -> None:
    """The command was ended, or its answer was lost; a late answer is for the earlier decision."""
    clock = [START]
    log = DecisionLog(path, now=lambda: clock[0])
    first, other = person("approve", "alice"), person("decline", "bob")
    log.store(first)
    clock[0] += timedelta(seconds=59)
    with pytest.raises(AlreadyStored):
        log.store(other)
    clock[0] += timedelta(seconds=1)
    log.store(other)
    log.answer(first, result("approved", first))
    assert [entry.decision for entry in log.unanswered()] == [other]


def test_what_is_stored_and_not_answered_is_found_after_a_restart(path: Path) -> None:
    """Nothing else is: not what was answered, not what was held back."""
    log = log_at(path)
    assert log.unanswered() == ()
    assert not path.exists()
    for name in ("open", "answered", "withheld"):
        one = decision(request=name)
        if name == "withheld":
            log.withhold(one, result("altered", one))
            continue
        log.store(one)
        if name == "answered":
            log.answer(one, result("approved", one))
    assert [each.decision.request for each in log_at(path).unanswered()] == ["open"]
    found = log_at(path).find("withheld")
    assert found is not None
    assert found.result == "altered"
    with pytest.raises(AlreadyStored, match="the result was: altered"):
        log.store(decision(request="withheld"))


def test_two_processes_share_a_log(path: Path) -> None:
    """Each has read what the other wrote before it writes."""
    one, other = log_at(path), log_at(path)
    one.store(decision(request="a"))
    other.store(decision(request="b"))
    with pytest.raises(AlreadyStored):
        other.store(decision(request="a"))
    with pytest.raises(AlreadyStored):
        one.store(decision(request="b"))


@pytest.mark.parametrize(
    "torn", [b'{"kind": "decision", "requ', b"\xff\x00", b"[]", b'{"kind": 1}']
)
def test_a_torn_line_costs_itself_only(path: Path, torn: bytes) -> None:
    """What stands before and what comes after it is whole; nothing is cut away."""
    log_at(path).store(decision(request="before"))
    with path.open("ab") as file:
        file.write(torn)
    log = log_at(path)
    log.store(decision(request="after"))
    assert [each.decision.request for each in log_at(path).unanswered()] == ["before", "after"]
    assert lines_of(path)[1] == torn


def test_a_log_that_cannot_be_written_stores_nothing(path: Path) -> None:
    """So nothing is sent; neither through a link nor into a device."""
    path.parent.mkdir()
    path.symlink_to("/dev/null")
    with pytest.raises(OSError, match="decisions"):
        log_at(path).store(decision())
    with pytest.raises(OSError, match="regular"):
        log_at(Path("/dev/null")).store(decision())


def test_a_short_write_is_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line is whole, however often the system stops in it."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:7]))
    log_at(path).store(decision())
    assert [each.decision.request for each in log_at(path).unanswered()] == [ID]


def test_memory_is_bounded_and_a_log_put_aside_is_noticed(path: Path) -> None:
    """The oldest go; after a rotation by somebody else the new file counts."""
    log = log_at(path, remembered=2)
    for name in "abc":
        log.store(decision(request=name))
    assert [each.decision.request for each in log.unanswered()] == ["b", "c"]
    path.rename(path.with_suffix(".old"))
    log.store(decision(request="c"))
    assert [each.decision.request for each in log.unanswered()] == ["c"]
