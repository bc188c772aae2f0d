"""What exists on the server whoever is connected: executions, activity, and the bus.

The bus hands each event to every socket that may see it, and waits for none: a slow socket is
that socket's own trouble.
"""

import random
from collections import deque
from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import attrs

from trunkline.simulator.activity import Activity
from trunkline.simulator.executions import Execution, answer_command
from trunkline.simulator.topics import reaches
from trunkline.simulator.users import ACCOUNT_A, User
from trunkline.simulator.wire import encode_push, iso, new_id

ROWS_KEPT = 10_000  # of activity; the oldest go
EXECUTIONS_KEPT = 1_000  # the oldest that are over go


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
        self, flow_name: str = "demo", *, status: str = "RUNNING", account_id: str = ACCOUNT_A
    ) -> Execution:
        """Return a new execution that takes commands; nothing is pushed."""
        execution = Execution(new_id(self._rng), new_id(self._rng), flow_name, account_id, status)
        self.executions[execution.id] = execution
        if len(self.executions) > EXECUTIONS_KEPT:
            over = (each.id for each in self.executions.values() if each.is_over)
            self.executions.pop(next(over, execution.id))
        return execution

    def command(self, user: User | None, message: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a `command` message and return the reply (protocol §9)."""
        return answer_command(self.executions, user, message, bus_is_up=self.bus_is_up)

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
