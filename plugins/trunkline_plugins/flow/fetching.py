"""Executions as the server's HTTP interface tells them, turned into the messages it would push.

So what is fetched goes the way of what is pushed, and the store needs no second understanding.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import trio

from trunkline import Rejected
from trunkline_plugins.asking import FAILURES, Asker, ask, is_id, is_row, moment, odd, rows
from trunkline_plugins.flow.execution import FINAL_STATUSES, Execution
from trunkline_plugins.flow.store import ExecutionStore

PATH = "/api/v1/flows/executions"
#: What an execution has that is not over (protocol §6.3); the server has no word for all of them.
LIVE = "PENDING,INITIALIZING,STARTING,RUNNING,WAITING_FOR_HUMAN,WAITING_FOR_CHILDREN"
LOG_TAIL = 200  # stored updates that are read of one execution
MARGIN = timedelta(seconds=60)  # the server's clock and ours, and what is written late
MOST_ALONE = 200  # executions that are asked for one by one
AT_ONCE = 4  # so that many do not wait so long for their turn that they are late
NOT_FOUND = 404

Row = Mapping[str, Any]
Message = dict[str, Any]


async def fetch_row(asker: Asker, execution_id: str) -> Row | None:
    """Return one execution with everything; None where the server knows none.

    Raises:
        InvalidData: the answer is no execution.
        Rejected, NotSent, OutcomeUnknown: as `ask`.
    """
    found: Row | None = await _of_one(asker, execution_id)
    if found is not None and not is_row(found):
        raise odd(f"{PATH}/{execution_id}", "object with an id")
    return found


async def fetch_log(asker: Asker, execution_id: str, tail: int = LOG_TAIL) -> list[Message]:
    """Return the last stored updates of an execution as messages, the oldest first.

    Raises: as `fetch_row`.
    """
    found = await _of_one(asker, execution_id, "/logs", {"tail": tail})
    if found is None:
        return []
    if not isinstance(found, Mapping) or not isinstance(stored := found.get("logs") or [], list):
        raise odd(f"{PATH}/{execution_id}/logs", "object with logs")
    return [_message_of_log(row) for row in stored if isinstance(row, Mapping) and "type" in row]


async def fetch_logs(asker: Asker, ids: Collection[str]) -> list[Message]:
    """Return the last stored updates of several executions; the first failure ends it."""
    found: list[Message] = []
    failures: list[Exception] = []
    limiter = trio.CapacityLimiter(AT_ONCE)

    async def fetch(execution_id: str) -> None:
        async with limiter:
            try:
                found.extend(await fetch_log(asker, execution_id))
            except FAILURES as exc:
                failures.append(exc)
                nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for execution_id in ids:
            nursery.start_soon(fetch, execution_id)
    if failures:
        raise failures[0]
    return found


async def _of_one(
    asker: Asker, execution_id: str, more: str = "", params: Mapping[str, Any] | None = None
) -> Any:
    """Ask about one execution; None where there is none, or where this can be no id."""
    if not is_id(execution_id):
        return None  # an event may name anything
    try:
        return await ask(asker, "GET", f"{PATH}/{execution_id}{more}", params)
    except Rejected as exc:
        if exc.reply.get("status") == NOT_FOUND:
            return None
        raise


async def fetch_rows(
    asker: Asker, store: ExecutionStore, since: datetime | None = None
) -> list[Row]:
    """Return what is at work, what was at work as far as we knew, and what began after `since`."""
    found = {row["id"]: row for row in (await rows(asker, PATH, {"status": LIVE})).rows}
    if since is not None:
        recent = {"started_after": (since - MARGIN).astimezone(UTC).isoformat()}
        found |= {row["id"]: row for row in (await rows(asker, PATH, recent)).rows}
    unsure = [each for each in store.executions() if _may_have_changed(each, since)]
    for execution in unsure[:MOST_ALONE]:
        if execution.id not in found:
            row = await fetch_row(asker, execution.id)
            if row is not None:
                found[execution.id] = row
    return [*found.values()]


def messages_of(row: Row) -> Iterator[Message]:
    """Yield the messages that say what a row says: that it began, and where it stands now."""
    about = {"execution_id": str(row["id"]), "flow_id": row.get("flow_id")}
    name = {"flow_name": row.get("flow_name")}
    status = str(row.get("status"))
    created = row.get("start_time") or row.get("created_at")
    yield {
        **about,
        "type": "execution_started",
        "timestamp": _dated(created),
        "payload": {"status": "PENDING", **name},
    }
    figures = ("tool_calls_count", "total_tokens", "estimated_cost")
    is_over = status in FINAL_STATUSES
    yield {
        **about,
        "type": "status_update",
        "timestamp": _dated(row.get("updated_at") or created),
        "payload": {
            "status": status,
            "fleet_context": name,
            "end_time": _dated(row.get("end_time")),
            "error_message": row.get("error_message"),
            "model_output_summary": row.get("model_output_summary"),
            # the row of a run that goes on has zeros where the stream has figures
            **{key: row.get(key) for key in figures if is_over or row.get(key)},
        },
    }


async def catch_up(asker: Asker, store: ExecutionStore, since: datetime) -> list[Message]:
    """Return what has happened since a moment, as messages: all stored updates, and where every
    execution stands, as far as its log is silent on that.

    Raises:
        Rejected, NotSent, OutcomeUnknown, InvalidData: as `fetch_row`.
    """
    fetched = await fetch_rows(asker, store, since)
    begin = (since - MARGIN).isoformat()
    log = await fetch_logs(asker, [str(row["id"]) for row in fetched])
    flows = {str(row["id"]): row.get("flow_id") for row in fetched}
    found = [
        {**each, "flow_id": flows.get(each["execution_id"])}
        for each in log
        if (each["timestamp"] or "") >= begin
    ]
    told = {(each["execution_id"], each["payload"].get("status")) for each in found}
    for row in fetched:
        known = store.get(str(row["id"]))
        started, update = messages_of(row)
        if known is None and (row["id"], "PENDING") not in told:
            found.append(started)
        if _tells_more(known, row) and (row["id"], row.get("status")) not in told:
            found.append(update)
    return found


def _may_have_changed(execution: Execution, since: datetime | None) -> bool:
    if not execution.is_final:
        return True
    return since is not None and execution.updated_at >= since - MARGIN


def _tells_more(known: Execution | None, row: Row) -> bool:
    return known is None or known.is_uncertain or known.status != row.get("status")


def _message_of_log(row: Row) -> Message:
    """Return a stored update as it was pushed (protocol §11): its line is called `message` there."""
    told = row.get("payload")
    payload = dict(told) if isinstance(told, Mapping) else {}
    text = payload.pop("message", None)
    if text is not None:
        payload["line" if row["type"] == "agent_log_line" else "message"] = text
    return {
        "execution_id": str(row.get("execution_id")),
        "type": str(row["type"]),
        "timestamp": _dated(row.get("timestamp")),
        "payload": payload,
    }


def _dated(value: object) -> str | None:
    found = moment(value)
    return None if found is None else found.isoformat()
