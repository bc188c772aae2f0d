"""Requests for approval as the server keeps them (protocol §6.2, §10)."""

import random
from typing import Any, Literal, Self

import attrs

from trunkline.simulator.wire import new_id

#: How a request can end; each has a frame of its own, `approval_<outcome>`.
Outcome = Literal["approved", "declined", "expired", "cancelled"]

DECISION_TIME = 300.0  # s until a request expires


@attrs.define(eq=False, kw_only=True)
class Approval:
    """One request of an agent, who waits for the answer."""

    id: str
    account_id: str
    tool_configuration_id: str
    approval_workflow_id: str
    tool_name: str
    requested_at: float
    """Seconds since 1970, as all times here."""
    expires_at: float
    resolved_at: float | None = None
    status: str = "pending"
    execution_id: str | None = None
    summary: str | None = None
    tool_args: dict[str, Any] = attrs.Factory(dict)
    agent_reasoning: str | None = None
    managed_agent_name: str | None = None

    @classmethod
    def draw(
        cls,
        rng: random.Random,
        account_id: str,
        now: float,
        **details: Any,
    ) -> Self:
        """Return a new request with ids drawn from `rng`."""
        details.setdefault("tool_name", "deploy_service")
        details.setdefault("expires_at", now + DECISION_TIME)
        return cls(
            id=new_id(rng),
            account_id=account_id,
            tool_configuration_id=new_id(rng),
            approval_workflow_id=new_id(rng),
            requested_at=now,
            **details,
        )
