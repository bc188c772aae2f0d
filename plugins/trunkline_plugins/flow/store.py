"""The live table of executions: bounded, in memory, fed by a subscription.

It is used by one task of one host, knows no clock, and never raises for what a server sends.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import attrs

from trunkline import Event, Gap, InvalidData
from trunkline.plugin_api import Undo
from trunkline_plugins.flow.execution import (
    FINAL_STATUSES,
    STOPPED,
    Claims,
    Execution,
    Rank,
    claims,
)
from trunkline_plugins.flow.types import FLOW_EVENTS, FlowEvent
from trunkline_plugins.seams import Source

TOPIC = "flow_executions"
ACKNOWLEDGED = "command_ack"
ID_LENGTH = 64  # characters; the server's are UUIDs of 36

#: The rank of what has no time of the server's: it gives way to whatever the server says.
UNDATED = datetime.min.replace(tzinfo=UTC)


@attrs.define
class _Entry:
    execution: Execution
    ranks: dict[str, Rank] = attrs.Factory(dict)  # {field: rank of the claim it holds}

    def weigh(self, said: Claims, at: datetime) -> Claims:
        """Return the claims that stand, and remember their rank."""
        ranks = {field: _rank(field, value, at) for field, value in said.items()}
        weighty = {f: r for f, r in ranks.items() if f not in self.ranks or r >= self.ranks[f]}
        self.ranks |= weighty
        return {field: said[field] for field in weighty}


def _rank(field: str, value: object, at: datetime) -> Rank:
    return field == "status" and value in FINAL_STATUSES, at


class ExecutionStore:
    """Executions by id, as far as their events tell.

    At most `limit` are kept: ended ones go first, the one that was silent the longest before
    the others.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._entries: dict[str, _Entry] = {}  # {id: entry}
        self._invalid_count = 0

    def follow(self, source: Source) -> Undo:
        """Feed the table from a connection or a plugin's context, until undone."""
        undos = (
            source.subscribe(TOPIC, self.apply, on_gap=self.note_gap),
            source.subscribe("system", self.apply, {"type": ACKNOWLEDGED}, self.note_gap),
        )

        def undo() -> None:
            for each in undos:
                each()

        return undo

    def apply(self, event: Event) -> None:
        """Take in an event of topic `flow_executions`, or a reply that acknowledges a stop.

        The server sends no event for a stop (protocol §9), so its acknowledgement is all there is.
        """
        if event.type == ACKNOWLEDGED:
            self._apply_ack(event)
            return
        try:
            view: FlowEvent = event.as_(FLOW_EVENTS.get(event.type, FlowEvent))
        except InvalidData:
            self._invalid_count += 1
            return
        at = view.timestamp or event.received_at
        self._take(view.execution_id, claims(view), seen_at=at, ranked_at=at)

    def note_gap(self, gap: Gap) -> None:
        """Remember that events may be missing: what was running may have ended since."""
        for entry in self._entries.values():
            if not entry.execution.is_final:
                entry.execution = attrs.evolve(entry.execution, is_uncertain=True)

    def executions(self) -> tuple[Execution, ...]:
        """Return what is known: running ones before ended ones, the latest start first."""
        known = [entry.execution for entry in self._entries.values()]
        known.sort(key=lambda execution: execution.started_at, reverse=True)
        return tuple(sorted(known, key=lambda execution: execution.is_final))

    def get(self, execution_id: str) -> Execution | None:
        """Return one execution; None where nothing is known of it."""
        entry = self._entries.get(_key(execution_id))
        return entry.execution if entry else None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def invalid_count(self) -> int:
        """Events that could not be read."""
        return self._invalid_count

    def summary(self) -> str:
        """Return the table in one line: `2 running, 5 ended`."""
        ended = sum(entry.execution.is_final for entry in self._entries.values())
        text = f"{len(self) - ended} running, {ended} ended"
        return f"{text}, {self._invalid_count} events unreadable" if self._invalid_count else text

    def _apply_ack(self, event: Event) -> None:
        execution_id = event.get("execution_id")
        if event.get("command") != "stop" or not isinstance(execution_id, str):
            return
        status = STOPPED if event.get("status") == "stopped" else event.get("execution_status")
        if status in FINAL_STATUSES:
            seen_at = event.received_at
            said = {"status": status, "ended_at": seen_at}
            self._take(execution_id, said, seen_at=seen_at, ranked_at=UNDATED)

    def _take(self, id_: str, said: Claims, *, seen_at: datetime, ranked_at: datetime) -> None:
        key = _key(id_)
        entry = self._entries.get(key)
        if entry is None:
            entry = _Entry(Execution(id=key, started_at=seen_at, updated_at=seen_at))
            self._make_room()
            self._entries[key] = entry
        entry.execution = attrs.evolve(
            entry.execution,
            started_at=min(entry.execution.started_at, seen_at),
            updated_at=max(entry.execution.updated_at, seen_at),
            is_uncertain=False,
            **entry.weigh(said, ranked_at),
        )

    def _make_room(self) -> None:
        if len(self._entries) >= self._limit:
            del self._entries[_least_wanted(entry.execution for entry in self._entries.values())]


def _least_wanted(executions: Iterable[Execution]) -> str:
    return min(executions, key=lambda each: (not each.is_final, each.updated_at)).id


def _key(execution_id: str) -> str:
    """Return the id as the table has it; the server takes and echoes either case."""
    return execution_id.lower()[:ID_LENGTH]
