"""What a guard finds wrong with an execution; pure."""

import attrs

from trunkline import Event
from trunkline.plugin_api import Conditions, compile_where
from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.settings import GuardRule


@attrs.frozen
class Guard:
    """A rule that is ready to judge."""

    rule: GuardRule
    conditions: Conditions | None

    @classmethod
    def of(cls, rule: GuardRule) -> "Guard":
        """Compile a rule."""
        return cls(rule, None if rule.where is None else compile_where(rule.where))

    def concerns(self, execution: Execution) -> bool:
        """Tell whether the rule is about this execution; one that has ended concerns nobody."""
        is_of_flow = self.rule.flow is None or self.rule.flow == execution.flow_name
        return is_of_flow and not execution.is_final

    def excess(self, execution: Execution, seconds: float | None) -> str | None:
        """Return which limit is passed; None where none is. `seconds` is how long it has run."""
        rule = self.rule
        if rule.max_tokens is not None and (execution.tokens or 0) > rule.max_tokens:
            return f"{execution.tokens:,} tokens, more than {rule.max_tokens:,}"
        if rule.max_cost is not None and (execution.cost or 0.0) > rule.max_cost:
            return f"${execution.cost:.4f}, more than ${rule.max_cost:.4f}"
        if rule.max_seconds is not None and (seconds or 0.0) > rule.max_seconds:
            return f"{seconds:.1f} s, longer than {rule.max_seconds:g} s"
        return None

    def offence(self, event: Event) -> str | None:
        """Return what is wrong with an event by itself; None where nothing is."""
        if self.conditions is None or not event.holds_to(self.conditions):
            return None
        return f"an event `{event.type}` as the rule describes"
