"""`[plugin.flow]`: how the table is kept right, and what executions may not do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

from trunkline.plugin_api import Seconds
from trunkline_plugins.conditions import compiles


@attrs.frozen(kw_only=True)
class GuardRule:
    """`[[plugin.flow.guard]]`: what an execution may not do, and what happens if it does."""

    name: str
    """What the rule is called in the audit log, in notices and in the reason of a stop."""
    action: Literal["warn", "stop"] = "warn"
    """Say it, or stop the execution as well."""
    flow: str | None = None
    """Only executions of the flow of this name; none means every one."""
    max_seconds: Seconds | None = None
    """Longer than this it may not run."""
    max_tokens: int | None = None
    """More tokens than this it may not use."""
    max_cost: float | None = None
    """More US dollars than this it may not cost, by its model calls so far."""
    where: Mapping[str, Any] | None = attrs.field(default=None, validator=compiles)
    """No event of it may hold to these conditions."""
    dry_run: bool = False
    """Write down what would be done, and do nothing."""

    def __attrs_post_init__(self) -> None:
        if (self.max_seconds, self.max_tokens, self.max_cost, self.where) == (None,) * 4:
            raise ValueError("a guard needs max_seconds, max_tokens, max_cost or where")


def _has_names(settings: "FlowSettings", _: object, rules: tuple[GuardRule, ...]) -> None:
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise ValueError("two guards have one name; the audit log could not tell them apart")


@attrs.frozen(kw_only=True)
class FlowSettings:
    """`[plugin.flow]`: executions."""

    reconcile: Seconds = 300.0
    """Seconds between two comparisons with the server, which may have fallen silent; with 0 it is
    asked at the start and after gaps only."""
    audit: Path | None = None
    """Where every action of a guard is written down, a JSON line each; guards need it."""
    guard: tuple[GuardRule, ...] = attrs.field(default=(), validator=_has_names)
    """The guards, `[[plugin.flow.guard]]`; each acts once on an execution."""

    def __attrs_post_init__(self) -> None:
        if self.guard and self.audit is None:
            raise ValueError('guards are written down: set audit, such as "audit.jsonl"')
