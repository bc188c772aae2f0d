"""What exists on the server whoever is connected: executions, activity, and the bus.

The bus hands each event to every socket that may see it, and waits for none: a slow socket is
that socket's own trouble.
"""

import random
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, TypeVar

import attrs

from trunkline.simulator.activity import Activity
from trunkline.simulator.approvals import Approval, Outcome
from trunkline.simulator.executions import Execution, LogRow, answer_command
from trunkline.simulator.frames import approval_frame, flow_update
from trunkline.simulator.topics import reaches
from trunkline.simulator.users import ACCOUNT_A, User
from trunkline.simulator.wire import encode_push, iso, new_id

ROWS_KEPT = 10_000  # of activity; the oldest go
RECORDS_KEPT = 1_000  # executions, and approvals; the oldest that are over go


T = TypeVar("T", Approval, Execution)


class Receiver(Protocol):
    """A socket as the bus sees it."""

    @property
    def user(self) -> User | None:
        """Who authenticated; None: anonymous."""

    @property
    def topics(self) -> Collection[str]:
        """What it subscribed to; empty: everything."""

    def offer(self, text: str) -> None:
        """Take a frame to send, or give up on the socket; never waits."""


@attrs.frozen
class ActivityRow:
    """What the server stored of an activity message."""

    id: str
    session_id: str
    user: User | None
    activity: Activity


class World:
    """The state behind all sockets of one simulator."""

    def __init__(self, rng: random.Random, walltime: Callable[[], float]) -> None:
        self._rng = rng
        self.walltime = walltime
        self.executions: dict[str, Execution] = {}  # {id: execution}, oldest first
        self.approvals: dict[str, Approval] = {}  # {id: approval}, oldest first
        self.activity: deque[ActivityRow] = deque(maxlen=ROWS_KEPT)
        self.bus_is_up = True
        """False: heartbeats and replies go on, no event is pushed any more (protocol §12)."""
        self._receivers: list[Receiver] = []

    def join(self, receiver: Receiver) -> None:
        """Connect a socket to the bus."""
        self._receivers.append(receiver)

    def leave(self, receiver: Receiver) -> None:
        """Disconnect a socket from the bus."""
        self._receivers.remove(receiver)

    def publish(self, message: Mapping[str, Any]) -> None:
        """Push an event to every socket that may see it (protocol §7)."""
        if not self.bus_is_up:
            return
        text = encode_push(message)
        for receiver in tuple(self._receivers):
            if reaches(message, receiver.user, receiver.topics):
                receiver.offer(text)

    def add_execution(
        self, execution: Execution | None = None, *, status: str = "RUNNING"
    ) -> Execution:
        """Keep a run, or (None) a new one of account A, so that it takes commands."""
        if execution is None:
            execution = Execution.draw(self._rng, ACCOUNT_A, "demo", status)
        execution.created_at = execution.created_at or self.walltime()
        execution.updated_at = max(execution.updated_at, execution.created_at)
        _keep(self.executions, execution, lambda each: each.is_over)
        return execution

    def start_execution(self, account_id: str, flow_name: str) -> Execution:
        """Keep a new run of a flow; nobody carries it out yet."""
        return self.add_execution(Execution.draw(self._rng, account_id, flow_name))

    def update_execution(self, execution: Execution, kind: str, payload: Mapping[str, Any]) -> None:
        """Let a run do something: its row changes, and the update is pushed and stored."""
        now = self.walltime()
        update = flow_update(execution, kind, payload, now)
        execution.take(kind, update["payload"], now)
        self.log(execution, kind, update["payload"])
        self.publish(update)

    def log(self, execution: Execution, kind: str, payload: Mapping[str, Any]) -> None:
        """Store an update of a run; what stores them hears of it by the bus (protocol §13)."""
        if self.bus_is_up:
            execution.log.append(LogRow(self.walltime(), kind, payload))

    def request_approval(self, approval: Approval | None = None) -> Approval:
        """Keep a request, or (None) a new one of account A, and push `approval_created`."""
        if approval is None:
            approval = Approval.draw(self._rng, ACCOUNT_A, self.walltime())
        _keep(self.approvals, approval, lambda each: each.status != "pending")
        self.publish(approval_frame(approval, "approval_created", self.walltime()))
        return approval

    def resolve_approval(
        self,
        approval_id: str,
        outcome: Outcome,
        actor: User | None = None,
        comment: str | None = None,
    ) -> bool:
        """End a request and push its frame; False: there is none pending."""
        approval = self.approvals.get(approval_id)
        if approval is None or approval.status != "pending":
            return False
        approval.resolve(outcome, self.walltime(), actor, comment)
        self.publish(approval_frame(approval, f"approval_{outcome}", self.walltime()))
        return True

    def command(self, user: User | None, message: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a `command` message and return the reply (protocol §9)."""
        now = self.walltime()
        return answer_command(self.executions, user, message, now, bus_is_up=self.bus_is_up)

    def store_activity(self, session_id: str, user: User | None, activity: Activity) -> None:
        """Keep a row, and tell the account; of an anonymous sender, tell everybody (S2)."""
        row = ActivityRow(new_id(self._rng), session_id, user, activity)
        self.activity.append(row)
        account_id = user.account_id if user else None
        self.publish(
            {
                "type": "activity_update",
                "account_id": account_id,
                "activity": {
                    "id": row.id,
                    "session_id": session_id,
                    "user_id": user.id if user else None,
                    "account_id": account_id,
                    "event_type": activity.event_type,
                    "timestamp": iso(activity.timestamp),
                    "path": activity.path,
                    "action": activity.action,
                    "event_data": activity.event_data,
                },
            }
        )


def _keep(records: dict[str, T], record: T, is_over: Callable[[T], bool]) -> None:
    """Add a record, and forget the oldest that is over where there are too many."""
    records[record.id] = record
    if len(records) > RECORDS_KEPT:
        over = (key for key, each in records.items() if is_over(each))
        records.pop(next(over, next(iter(records))))
