"""The table of approval requests: bounded, in memory, fed by a subscription.

Every event carries the whole request, so the one that weighs most is kept: a settled request
beats a pending one, the later deadline an earlier one (it only ever moves away), then the later
event wins. The server sends no event when a request runs
out of time (protocol §6.2, S10), so that is seen here: whoever reads says what time it is.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import attrs

from trunkline import Event, Gap, InvalidData
from trunkline.plugin_api import Undo
from trunkline_plugins.approval.request import PENDING, TOPIC, deadline_of, digest, key_of
from trunkline_plugins.approval.types import (
    APPROVAL_EVENTS,
    ApprovalEvent,
    ApprovalVoteReceived,
)
from trunkline_plugins.seams import Source

EXPIRED = "expired"
TEXT_LENGTH = 500  # characters kept of a name or a summary
FAR_BACK = datetime.min.replace(tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Approval:
    """One request for a person's approval, as it stands."""

    id: str
    status: str
    updated_at: datetime
    """When the server last said something about it; aware UTC, as all times here."""
    requested_at: datetime
    expires_at: datetime | None = None
    resolved_at: datetime | None = None
    execution_id: str | None = None
    tool_name: str | None = None
    summary: str | None = None
    """What it is about: the server's summary, else the agent's reasoning."""
    agent_name: str | None = None
    hash: str = ""
    """Of what is asked, see `digest`."""
    votes: int | None = None
    votes_required: int | None = None
    is_uncertain: bool = False
    """Events may have been missed since the last one: it may be settled."""

    @property
    def is_pending(self) -> bool:
        """It waits for an answer."""
        return self.status == PENDING

    def at(self, now: datetime) -> "Approval":
        """Return the request as it stands at `now`: past its deadline it has expired."""
        if self.is_pending and self.expires_at is not None and now >= self.expires_at:
            return attrs.evolve(self, status=EXPIRED)
        return self

    def age(self, now: datetime) -> timedelta:
        """Return how long ago it was made."""
        return now - self.requested_at

    def time_left(self, now: datetime) -> timedelta | None:
        """Return how long it may still be answered; None without a deadline."""
        return None if self.expires_at is None else self.expires_at - now


class ApprovalStore:
    """Approval requests by id, as far as their events tell.

    At most `limit` are kept: settled ones go first, the one that was silent the longest before
    the others. `walltime` gives seconds since 1970.
    """

    def __init__(self, limit: int = 1000, *, walltime: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._walltime = walltime
        self._approvals: dict[str, Approval] = {}  # {id: request}
        self._invalid_count = 0

    def follow(self, source: Source) -> Undo:
        """Feed the table from a connection or a plugin's context, until undone."""
        return source.subscribe(TOPIC, self.apply, on_gap=self.note_gap)

    def apply(self, event: Event) -> Approval | None:
        """Take in an event of topic `approvals`; return what it says alone, None if unreadable."""
        try:
            view: ApprovalEvent = event.as_(APPROVAL_EVENTS.get(event.type, ApprovalEvent))
        except InvalidData:
            self._invalid_count += 1
            return None
        key = key_of(view.approval_request_id)
        known = self._approvals.get(key)
        if known is None:
            self._make_room()
        said = approval_of(view, event.received_at)
        self._approvals[key] = _merge(known, said)
        return said

    def note_gap(self, gap: Gap) -> None:
        """Remember that events may be missing: what was pending may be settled."""
        for key, approval in self._approvals.items():
            if approval.is_pending:
                self._approvals[key] = attrs.evolve(approval, is_uncertain=True)

    def approvals(self) -> tuple[Approval, ...]:
        """Return what is known, as it stands now; the latest request first."""
        now = self.now()
        known = [approval.at(now) for approval in self._approvals.values()]
        return tuple(sorted(known, key=lambda each: each.requested_at, reverse=True))

    def pending(self) -> tuple[Approval, ...]:
        """Return the requests that can still be answered; the one with the least time first."""
        waiting = [approval for approval in self.approvals() if approval.is_pending]
        far = datetime.max.replace(tzinfo=UTC)
        return tuple(sorted(waiting, key=lambda each: each.expires_at or far))

    def get(self, approval_request_id: str) -> Approval | None:
        """Return one request as it stands now; None where nothing is known of it."""
        approval = self._approvals.get(key_of(approval_request_id))
        return approval.at(self.now()) if approval else None

    def now(self) -> datetime:
        """Return the time by which requests expire."""
        return datetime.fromtimestamp(self._walltime(), UTC)

    def __len__(self) -> int:
        return len(self._approvals)

    @property
    def invalid_count(self) -> int:
        """Events that could not be read."""
        return self._invalid_count

    def summary(self) -> str:
        """Return the table in one line: `2 pending, 5 settled`."""
        waiting = len(self.pending())
        text = f"{waiting} pending, {len(self) - waiting} settled"
        return f"{text}, {self._invalid_count} events unreadable" if self._invalid_count else text

    def _make_room(self) -> None:
        if len(self._approvals) >= self._limit:
            now = self.now()
            known = (approval.at(now) for approval in self._approvals.values())
            del self._approvals[min(known, key=lambda each: (each.is_pending, each.updated_at)).id]


def approval_of(view: ApprovalEvent, received_at: datetime) -> Approval:
    """Return the request of which an event tells, as far as it does."""
    at = view.timestamp or received_at
    vote = view if isinstance(view, ApprovalVoteReceived) else None
    return Approval(
        id=key_of(view.approval_request_id),
        status=view.status,
        updated_at=at,
        requested_at=view.requested_at or at,
        expires_at=deadline_of(view),
        resolved_at=view.resolved_at,
        execution_id=_short(view.execution_id),
        tool_name=_short(view.tool_name),
        summary=_short(view.summary or view.agent_reasoning),
        agent_name=_short(view.managed_agent_name),
        hash=digest(view),
        votes=vote.approval_count if vote else None,
        votes_required=vote.approvals_required if vote else None,
    )


def _merge(known: Approval | None, new: Approval) -> Approval:
    """Return the one that weighs more; votes only grow, and few events name them."""
    if known is None:
        return new
    return attrs.evolve(
        max(known, new, key=_rank),
        votes=_most(known.votes, new.votes),
        votes_required=_most(known.votes_required, new.votes_required),
        is_uncertain=False,
    )


def _rank(approval: Approval) -> tuple[bool, datetime, datetime]:
    deadline = (approval.expires_at or FAR_BACK) if approval.is_pending else FAR_BACK
    return not approval.is_pending, deadline, approval.updated_at


def _most(one: int | None, other: int | None) -> int | None:
    return max(one or 0, other or 0) or None


def _short(text: str | None) -> str | None:
    return text and text[:TEXT_LENGTH]
