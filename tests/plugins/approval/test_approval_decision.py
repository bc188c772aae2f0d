"""Rules judge, objections hold back: nothing is approved that anything speaks against."""

from datetime import timedelta
from typing import Any

import pytest
from approval_bench import LATER, START, decision, hash_of, row
from hypothesis import given
from hypothesis import strategies as st

from trunkline.config import config_from_mapping
from trunkline.plugin.manager import load
from trunkline_plugins.approval.config import ApprovalConfig, RuleSettings
from trunkline_plugins.approval.decision import Rules, Verdict, objection
from trunkline_plugins.approval.request import message_of, view_of

MESSAGE = message_of(row())
PRODUCTION = {"tool_args.env": "production"}


def rules(*entries: RuleSettings, switch: bool = True) -> Rules:
    return Rules(ApprovalConfig(rule=entries, allow_auto_approve=switch))


def problems(**table: Any) -> list[str]:
    """Return what `check` says of a table."""
    config = config_from_mapping(
        {"connection": {"url": "ws://localhost"}, "plugin": {"approval": table}}
    )
    return [str(problem) for problem in load(config, safe=True).problems]


def test_first_rule_that_matches_decides() -> None:
    """Those behind it are not asked."""
    judged = rules(
        RuleSettings(decide="decline", where={"tool_name": "drop_table"}),
        RuleSettings(decide="decline", where=PRODUCTION, comment="not on a Friday"),
        RuleSettings(decide="approve"),
    )
    assert judged.judge(MESSAGE) == Verdict("decline", "rule[1]", "not on a Friday")
    elsewhere = message_of(row(tool_args={"env": "test"}))
    assert judged.judge(elsewhere) == Verdict("approve", "rule[2]")


def test_without_a_rule_that_matches_a_person_is_asked() -> None:
    """The default is to decide nothing."""
    assert rules().judge(MESSAGE).decide == "notify"
    assert rules(RuleSettings(decide="approve", where={"tool_name": "x"})).judge(MESSAGE) == (
        Verdict("notify")
    )


def test_rule_that_notifies_stops_those_behind_it() -> None:
    """So an exception can be made from a rule that answers."""
    judged = rules(RuleSettings(decide="notify", where=PRODUCTION), RuleSettings(decide="approve"))
    assert judged.judge(MESSAGE) == Verdict("notify", "rule[0]")


conditions = st.dictionaries(
    st.sampled_from(["tool_name", "tool_args.env", "tool_args.n", "status"]),
    st.sampled_from(["deploy_service", "production", 1, "pending", {"ge": 0}, {"ne": "x"}]),
    max_size=2,
)
some_rules = st.lists(
    st.builds(
        RuleSettings, decide=st.sampled_from(["notify", "decline", "approve"]), where=conditions
    )
)


@given(some_rules, st.dictionaries(st.text(max_size=3), st.integers()))
def test_no_rule_approves_without_the_switch(
    entries: list[RuleSettings], arguments: dict[str, int]
) -> None:
    """Whatever the rules and whatever is asked; and a file that says otherwise is refused."""
    message = message_of(row(tool_args={"env": "production", **arguments}))
    without = ApprovalConfig()
    object.__setattr__(without, "rule", tuple(entries))  # past the check that refuses it
    assert Rules(without).judge(message).decide != "approve"
    if any(entry.decide == "approve" for entry in entries):
        with pytest.raises(ValueError, match="allow_auto_approve"):
            ApprovalConfig(rule=tuple(entries))


def test_check_refuses_a_rule_that_approves_without_the_switch() -> None:
    """It names the rule and the way out; with the switch it is fine."""
    approve = {"rule": [{"decide": "notify"}, {"decide": "approve"}]}
    [problem] = problems(**approve)
    assert "plugin.approval" in problem
    assert "rule[1]" in problem
    assert "allow_auto_approve = true" in problem
    assert problems(**approve, allow_auto_approve=True) == []


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"rule": [{"decide": "aprove"}]}, "approve"),
        ({"rule": [{"decide": "notify", "where": {"tool_name": {"like": "x"}}}]}, "like"),
        ({"rule": [{"where": {}}]}, "decide"),
        ({"reconcile": 1}, "at least 10"),
        ({"allow_auto_aprove": True}, "allow_auto_approve"),
    ],
)
def test_check_names_what_is_wrong_with_the_table(table: dict[str, Any], word: str) -> None:
    """In its place, with what would be right."""
    [problem] = problems(**table)
    assert word in problem


@pytest.mark.parametrize(
    ("change", "seconds", "reason"),
    [
        ({}, 0, None),
        ({}, 299.9, None),
        ({}, 300, "expired"),
        ({"status": "expired"}, 0, "expired"),
        ({"status": "something new"}, 0, "expired"),
        ({"status": "approved"}, 0, "already approved"),
        ({"status": "declined"}, 400, "already declined"),
        ({"status": "cancelled"}, 0, "already cancelled"),
        ({"tool_args": {"env": "production", "n": 2}}, 0, "altered"),
        ({"tool_args": {"env": "production", "n": True}}, 0, "altered"),
        ({"tool_name": "drop_table"}, 0, "altered"),
        ({"expires_at": None}, 0, "altered"),
        ({"expires_at": "2026-11-22T23:00:00"}, 0, "altered"),
        ({"request": "another"}, 0, "altered"),
        ({"summary": "in other words", "agent_reasoning": "why not"}, 0, None),
    ],
)
def test_s17_what_speaks_against_a_decision(
    change: dict[str, Any], seconds: float, reason: str | None
) -> None:
    """Expired, altered, settled: in each case nothing may be sent."""
    now_is = view_of(message_of(row(**change)))
    assert objection(decision(), now_is, START + timedelta(seconds=seconds)) == reason


def test_s17_unknown_request_is_objected_to() -> None:
    """The server knows none of that id."""
    assert objection(decision(), None, START) == "unknown"


def test_request_without_a_deadline_can_be_decided_at_any_time() -> None:
    """As long as it is the one that was seen."""
    never = decision(hash=hash_of(expires_at=None))
    now_is = view_of(message_of(row(expires_at=None)))
    assert objection(never, now_is, START + 1000 * LATER) is None
