"""Which request is due for attention, and when the next one will be; pure.

It looks at the table as it stands, not at events, so an event that came twice, late or not at all
changes nothing but the moment.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

import attrs

from trunkline_plugins.approval.store import EXPIRED, Approval

#: What is due: it is new here, its time is nearly over, its time is over.
Occasion = Literal["new", "nearly over", "over"]


@attrs.define
class _Had:
    """What one request has had, up to which deadline."""

    deadline: datetime | None
    occasions: set[Occasion] = attrs.field(factory=set)


@attrs.define
class Attention:
    """Remembers what each request in the table has had; forgets those that have left it."""

    remind: timedelta
    """How long before the end a request is due again; zero: never."""
    _had: dict[str, _Had] = attrs.field(factory=dict, init=False)  # {id: what it has had}

    def due(self, approvals: Iterable[Approval], now: datetime) -> list[tuple[Occasion, Approval]]:
        """Return what is due, each once; `approvals` is the whole table as it stands at `now`."""
        table = {approval.id: approval for approval in approvals}
        self._had = {key: had for key, had in self._had.items() if key in table}
        found = ((self._due_of(approval, now), approval) for approval in table.values())
        return [(occasion, approval) for occasion, approval in found if occasion is not None]

    def next_moment(self, approvals: Iterable[Approval], now: datetime) -> datetime | None:
        """Return when something will be due that is not yet; None: only an event can tell."""
        moments = [
            moment
            for approval in approvals
            if approval.is_pending and approval.expires_at is not None
            for moment in (approval.expires_at - self.remind, approval.expires_at)
            if moment > now
        ]
        return min(moments, default=None)

    def _due_of(self, approval: Approval, now: datetime) -> Occasion | None:
        had = self._had.setdefault(approval.id, _Had(approval.expires_at))
        if had.deadline != approval.expires_at:  # more time, so there is another end to tell of
            had.deadline = approval.expires_at
            had.occasions &= {"new"}
        occasion = _occasion(approval, self.remind, now)
        if occasion is None or occasion in had.occasions:
            return None
        if not had.occasions:
            if not approval.is_pending:
                return None  # nobody was told that it had begun
            occasion, nearly = "new", occasion
            had.occasions.add(nearly)  # told of now, it is not told of again at once
        had.occasions.add(occasion)
        return occasion


def _occasion(approval: Approval, remind: timedelta, now: datetime) -> Occasion | None:
    if approval.status == EXPIRED:
        return "over"
    if not approval.is_pending:
        return None
    left = approval.time_left(now)
    is_near = left is not None and left <= remind and bool(remind)
    return "nearly over" if is_near else "new"
