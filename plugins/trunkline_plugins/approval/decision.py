"""What is decided, and whether it may be sent; pure, and closed wherever anything is unclear.

A rule's answer counts for the request it was given to: same id, tool, arguments and deadline. An
expired, altered, settled or unknown one is left to people, and nothing is sent (B7, S17).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import attrs

from trunkline.plugin_api import Conditions, compile_where
from trunkline_plugins.approval.config import ApprovalConfig, Decide
from trunkline_plugins.approval.request import PENDING, deadline_of, digest
from trunkline_plugins.approval.types import ApprovalEvent

Outcome = Literal["approve", "decline"]

#: {what is asked for: the status it leads to}
STATUS_OF: Mapping[Outcome, str] = {"approve": "approved", "decline": "declined"}
SETTLED = frozenset({"approved", "declined", "cancelled"})


@attrs.frozen
class Verdict:
    """What the rules say about a request."""

    decide: Decide
    rule: str = ""
    """Which one: `rule[0]`; empty where none matched."""
    comment: str = ""


@attrs.frozen(kw_only=True)
class Decision:
    """One answer to one request, as it is stored before it is sent."""

    request: str
    outcome: Outcome
    hash: str
    """Of what was decided on, see `digest`."""
    by: str
    """`rule[0]`, or the person's name."""
    is_by_rule: bool
    host: str
    """The machine it was decided on."""
    tool_name: str | None = None
    comment: str = ""


ASK_A_PERSON = Verdict("notify")


class Rules:
    """The rules of a configuration, compiled."""

    def __init__(self, config: ApprovalConfig) -> None:
        self._may_approve = config.allow_auto_approve
        self._rules: list[tuple[Conditions, Verdict]] = [
            (
                compile_where(rule.where or {}),
                Verdict(rule.decide, f"rule[{number}]", rule.comment),
            )
            for number, rule in enumerate(config.rule)
        ]

    def judge(self, message: Mapping[str, Any]) -> Verdict:
        """Return what the first rule that matches says; without one a person is asked.

        A rule never approves without the switch, whatever the check of the file let pass.
        """
        for conditions, verdict in self._rules:
            if conditions.holds(message):
                if verdict.decide == "approve" and not self._may_approve:
                    return ASK_A_PERSON
                return verdict
        return ASK_A_PERSON


def objection(decision: Decision, now_is: ApprovalEvent | None, now: datetime) -> str | None:
    """Say why `decision` must not be sent to the request as it is now; None: it may be.

    `now_is` is what the server has just said of it; None: it knows no such request.
    """
    if now_is is None:
        return "unknown"
    if now_is.status in SETTLED:
        return f"already {now_is.status}"
    deadline = deadline_of(now_is)
    if now_is.status != PENDING or (deadline is not None and now >= deadline):
        return "expired"
    if digest(now_is) != decision.hash:
        return "altered"
    return None
