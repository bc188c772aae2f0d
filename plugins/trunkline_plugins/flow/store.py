"""The live table of executions: bounded, in memory, fed by a subscription and by what is fetched.

It is used by one task of one host, knows no clock, and never raises for what a server sends. What
is missing, comes twice or comes late makes no difference once it is all there.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

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
    rank,
)
from trunkline_plugins.flow.log import entry_of, joined
from trunkline_plugins.flow.spending import Spending
from trunkline_plugins.flow.types import FLOW_EVENTS, FlowEvent, ModelGatewayCall
from trunkline_plugins.seams import Source

TOPIC = "flow_executions"
ACKNOWLEDGED = "command_ack"
ID_LENGTH = 64  # characters; the server's are UUIDs of 36

#: How something became known: pushed, fetched after a gap, found when the plugin started, by
#: comparing with the server, or by the server's answer to a stop.
LearnedBy = Literal["live", "backfill", "start", "reconciled", "acknowledged"]
#: Hears of each change: the execution before (None: it is new) and after, and how it was learned.
OnChange = Callable[[Execution | None, Execution, LearnedBy], None]

#: The rank of what has no time of the server's: it gives way to whatever the server says.
UNDATED = datetime.min.replace(tzinfo=UTC)


def _nobody(_: Execution | None, __: Execution, ___: LearnedBy) -> None:
    """Tell nobody."""


@attrs.define
class _Entry:
    execution: Execution
    ranks: dict[str, Rank] = attrs.Factory(dict)  # {field: rank of the claim it holds}
    spending: Spending = attrs.Factory(Spending)

    def weigh(self, said: Claims, at: datetime) -> Claims:
        """Return the claims that stand, and remember their rank."""
        ranks = {field: rank(field, value, at) for field, value in said.items()}
        weighty = {f: r for f, r in ranks.items() if f not in self.ranks or r >= self.ranks[f]}
        self.ranks |= weighty
        return {field: said[field] for field in weighty}


class ExecutionStore:
    """Executions by id, as far as their events tell.

    At most `limit` are kept: ended ones go first, the one that was silent the longest before
    the others.
    """

    def __init__(self, limit: int = 1000, on_change: OnChange = _nobody) -> None:
        self._limit = limit
        self._on_change = on_change
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
        What plugins publish on the topic themselves is nothing new.
        """
        if event.type == ACKNOWLEDGED:
            self._apply_ack(event)
        elif event.origin != "local":
            self._apply_update(event, "backfill" if event.origin == "backfill" else "live")

    def absorb(
        self,
        messages: Iterable[Mapping[str, Any]],
        learned_by: LearnedBy,
        *,
        are_rows: bool = False,
    ) -> None:
        """Take in messages that were fetched; those made of rows say nothing that was written."""
        for message in messages:
            event = Event(TOPIC, message["type"], message, origin="backfill")
            self._apply_update(event, learned_by, is_row=are_rows)

    def _apply_update(self, event: Event, learned_by: LearnedBy, *, is_row: bool = False) -> None:
        try:
            view: FlowEvent = event.as_(FLOW_EVENTS.get(event.type, FlowEvent))
        except InvalidData:
            self._invalid_count += 1
            return
        entry = self._entry(view.execution_id, view.timestamp or event.received_at)
        said = claims(view)
        if isinstance(view, ModelGatewayCall):
            spent = entry.spending.add(view.payload, view.timestamp)
            said |= {} if spent is None else {"cost": spent}
        at = view.timestamp or event.received_at
        line = None if is_row else entry_of(view, event)
        log = entry.execution.log if line is None else joined(entry.execution.log, line)
        self._change(entry, said, at, at, learned_by, log=log)

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
            entry = self._entry(execution_id, seen_at)
            said = {"status": status, "ended_at": seen_at}
            self._change(entry, said, seen_at, UNDATED, "acknowledged")

    def _entry(self, id_: str, seen_at: datetime) -> _Entry:
        key = _key(id_)
        entry = self._entries.get(key)
        return entry or _Entry(Execution(id=key, started_at=seen_at, updated_at=seen_at))

    def _change(
        self,
        entry: _Entry,
        said: Claims,
        seen_at: datetime,
        ranked_at: datetime,
        learned_by: LearnedBy,
        **more: Any,
    ) -> None:
        """Let what is said change an entry, and tell of the change."""
        old = entry.execution
        is_new = old.id not in self._entries
        if is_new:
            self._make_room()
            self._entries[old.id] = entry
        entry.execution = attrs.evolve(
            old,
            started_at=min(old.started_at, seen_at),
            updated_at=max(old.updated_at, seen_at),
            is_uncertain=False,
            **entry.weigh(said, ranked_at),
            **more,
        )
        self._on_change(None if is_new else old, entry.execution, learned_by)

    def _make_room(self) -> None:
        if len(self._entries) >= self._limit:
            del self._entries[_least_wanted(entry.execution for entry in self._entries.values())]


def _least_wanted(executions: Iterable[Execution]) -> str:
    return min(executions, key=lambda each: (not each.is_final, each.updated_at)).id


def _key(execution_id: str) -> str:
    """Return the id as the table has it; the server takes and echoes either case."""
    return execution_id.lower()[:ID_LENGTH]
