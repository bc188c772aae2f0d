"""Requests for approval as the server keeps them (protocol §6.2, §10)."""

import random
from typing import Any, Literal, Self

import attrs

from trunkline.simulator.users import User
from trunkline.simulator.wire import new_id

#: How a request can end; each has a frame of its own, `approval_<outcome>`.
Outcome = Literal["approved", "declined", "expired", "cancelled"]

DECISION_TIME = 300.0  # s until a request expires


@attrs.frozen
class Entry:
    """A line of a request's history."""

    event_type: str
    at: float
    comment: str | None = None
    actor: User | None = None


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
    comment: str | None = None
    """What was said by whoever decided."""
    approvals_required: int = 1
    votes: list[str] = attrs.Factory(list)
    """Who has approved so far, as ids of users."""
    history: list[Entry] = attrs.Factory(list)

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

    def resolve(
        self, outcome: Outcome, now: float, actor: User | None = None, comment: str | None = None
    ) -> None:
        """End the request."""
        self.status = outcome
        self.history.append(Entry(outcome, now, comment, actor))
        if outcome in {"approved", "declined"}:
            self.resolved_at = now
            self.comment = comment

    def expire(self, now: float) -> None:
        """Let it expire where its time is over; the server pushes no frame for that (S10)."""
        if self.status == "pending" and now >= self.expires_at:
            self.resolve("expired", now)
