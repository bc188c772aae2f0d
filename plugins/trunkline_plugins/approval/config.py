"""The table `[plugin.approval]`, and the rules in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from trunkline.plugin_api import Seconds
from trunkline_plugins.conditions import compiles

#: What a rule does with a request.
Decide = Literal["notify", "decline", "approve"]

SHORTEST_RECONCILE = 10.0  # s; each asks the server for everything that is pending


@attrs.frozen(kw_only=True)
class RuleSettings:
    """One entry of `[[plugin.approval.rule]]`."""

    decide: Decide
    """`notify` leaves it to a person, `decline` and `approve` answer at once."""
    where: Mapping[str, Any] | None = attrs.field(default=None, validator=compiles)
    """The condition on the request; none means every request."""
    comment: str = ""
    """What the answer says, for whoever asks why."""


@attrs.frozen(kw_only=True)
class ApprovalConfig:
    """The table `[plugin.approval]`."""

    rule: tuple[RuleSettings, ...] = attrs.field(default=())
    """Who decides what; the first that matches counts, and without one a person is asked. The
    entries are described below."""
    allow_auto_approve: bool = False
    """Let rules approve; without it a rule that does is an error."""
    audit: Path = Path("var/decisions.jsonl")
    """The log of every decision, appended to and never rewritten; mode 0600."""
    remind: Seconds = 60.0
    """Seconds before a request expires at which a notice says so again; 0 is never."""
    reconcile: Seconds = attrs.field(default=180.0)
    """Seconds between two comparisons with the server, which may have fallen silent; with 0 it is
    asked at the start and after gaps only."""

    @rule.validator
    def _is_allowed(self, _: object, rules: tuple[RuleSettings, ...]) -> None:
        numbers = [number for number, rule in enumerate(rules) if rule.decide == "approve"]
        if numbers and not self.allow_auto_approve:
            raise ValueError(
                f"rule[{numbers[0]}] approves without a person;"
                " if that is meant, say `allow_auto_approve = true`"
            )

    @reconcile.validator
    def _is_bearable(self, _: object, seconds: float) -> None:
        if 0 < seconds < SHORTEST_RECONCILE:
            raise ValueError(f"expected 0, or at least {SHORTEST_RECONCILE:g} seconds")
