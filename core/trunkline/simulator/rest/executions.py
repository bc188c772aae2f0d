"""Executions over REST (protocol §9, §11)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from trunkline.simulator.catalogue import FLOWS
from trunkline.simulator.executions import Execution, LogRow, flow_id, forward, stop
from trunkline.simulator.frames import fleet_context
from trunkline.simulator.rest.answers import Answer, Asked, Refused, invalid, own, page, require
from trunkline.simulator.users import User
from trunkline.simulator.wire import iso, naive_iso
from trunkline.simulator.world import World

PAGE = 25  # rows where nothing is said
PAGE_LIMIT = 100  # more are not an error, but clamped
LOG_PAGE = 100
LOG_PAGE_LIMIT = 1_000

Parts = Mapping[str, str]


def list_all(world: World, user: User, asked: Asked, _: Parts) -> Answer:
    """Return a page of runs, the newest first."""
    skip = asked.number("skip", 0)
    if skip < 0:
        raise Refused(500, "Internal Server Error")  # S13: the database refuses it
    limit = min(max(asked.number("limit", PAGE), 1), PAGE_LIMIT)
    found = [each for each in world.executions.values() if _is_wanted(each, user, asked)]
    found.sort(key=lambda each: each.created_at, reverse=True)
    return page([_row(each) for each in found], skip, limit)


def _is_wanted(execution: Execution, user: User, asked: Asked) -> bool:
    wanted = {
        status.strip().upper()
        for text in asked.query.get("status", ())
        for status in text.split(",")
        if status.strip()
    }
    flow, search = asked.text("flow_id"), asked.text("search")
    after = _moment(asked, "started_after")
    return (
        execution.account_id == user.account_id
        and (not wanted or execution.status in wanted)
        and (not flow or execution.flow_id == flow)
        and (not search or search.lower() in f"{execution.id} {execution.flow_name}".lower())
        and (after is None or execution.created_at >= after)
    )


def show(world: World, user: User, _: Asked, parts: Parts) -> Answer:
    """Return one run with everything."""
    execution = _find(world, user, parts)
    is_stopped = execution.status == "STOPPED"
    stopped_at = _time(execution.ended_at) if is_stopped else None
    return Answer(
        200,
        {
            **_row(execution),
            "trigger_event_details": {"event": "Manual Test Run"},
            "resolved_input_prompt": execution.prompt,
            "model_output_summary": execution.summary,
            "actions_taken_summary": [],
            "mcp_usage_logs": [],
            "result": None,
            "stop_requested_at": stopped_at,
            "stop_reason": execution.stop_reason,
            "stop_source": "manual" if is_stopped else None,
            "stop_confirmed_at": stopped_at,
            "agent_session_reference": execution.session_reference,
            "runtime_session_id": None,
            "park": None,
        },
    )


def logs(world: World, user: User, asked: Asked, parts: Parts) -> Answer:
    """Return stored updates of a run, the oldest first."""
    execution = _find(world, user, parts)
    without_models = (asked.text("exclude_model_calls") or "").lower() in {"1", "true", "yes"}
    rows = [
        row for row in execution.log if not (without_models and row.type == "model_gateway_call")
    ]
    if asked.text("tail") is not None:
        start = max(0, len(rows) - max(1, asked.number("tail", LOG_PAGE)))
        wanted = rows[start:]
        has_more = start > 0
    else:
        skip = max(0, asked.number("skip", 0))
        limit = min(max(asked.number("limit", LOG_PAGE), 1), LOG_PAGE_LIMIT)
        wanted = rows[skip : skip + limit]
        has_more = len(rows) > skip + limit
    found = [_log_row(execution, row) for row in wanted]
    return Answer(200, {"logs": found, "source": "database", "has_more": has_more})


def metrics(world: World, user: User, _: Asked, parts: Parts) -> Answer:
    """Return the figures of a run."""
    execution = _find(world, user, parts)
    return Answer(
        200,
        {
            "tool_calls": execution.tool_calls,
            "api_requests": sum(row.type == "model_gateway_call" for row in execution.log),
            "token_usage": {"total_tokens": execution.tokens},
            "estimated_cost": execution.cost,
        },
    )


def command(world: World, user: User, asked: Asked, parts: Parts) -> Answer:
    """Stop a run, or put a word on the bus; a message's text is lost on this way (§9)."""
    fields = asked.fields()
    word = fields.get("command")
    if not isinstance(word, str):
        raise invalid("body", "command", "Field required")
    require(user, "execute_flows", granted=user.may_execute)
    execution = _find(world, user, parts)
    message = {"command": word, "payload": fields.get("payload")}
    if word == "stop":
        return Answer(200, stop(execution, message, world.walltime()))
    if world.bus_is_up:
        forward(execution, message)
    return Answer(200, {"status": "command_sent"})


def trigger(world: World, user: User, asked: Asked, parts: Parts) -> Answer:
    """Start a run of a flow."""
    asked.fields()
    require(user, "execute_flows", granted=user.may_execute)
    names = {each.flow_id: each.flow_name for each in world.executions.values()}
    names |= {flow_id(flow.name): flow.name for flow in FLOWS}
    name = names.get(parts["flow_id"])
    if name is None:
        raise Refused(404, "Flow not found")
    execution = world.start_execution(user.account_id, name)
    context = fleet_context(name, "Manual Test Run")
    started = {"status": "PENDING", "flow_id": execution.flow_id, "flow_name": name}
    world.update_execution(execution, "execution_started", {**started, "fleet_context": context})
    return Answer(200, {"id": execution.id, "status": "PENDING", "flow_id": execution.flow_id})


def _find(world: World, user: User, parts: Parts) -> Execution:
    return own(world.executions, parts["id"], user, "Flow execution")


def _row(execution: Execution) -> dict[str, Any]:
    """Return a run as the lists have it; times carry no offset (S14)."""
    return {
        "id": execution.id,
        "flow_id": execution.flow_id,
        "flow_name": execution.flow_name,
        "status": execution.status,
        "start_time": _time(execution.created_at),
        "end_time": _time(execution.ended_at),
        "error_message": execution.error_message,
        "failure_category": execution.failure_category,
        "queued_reason": None,
        "retry_of_execution_id": None,
        "parent_execution_id": None,
        "root_execution_id": None,
        "tool_calls_count": execution.tool_calls,
        "total_tokens": execution.tokens,
        "estimated_cost": execution.cost,
        "created_at": _time(execution.created_at),
        "updated_at": _time(execution.updated_at),
        "parked_at": None,
        "park_expires_at": None,
        "model_alias": None,
        "provider_name": None,
    }


def _log_row(execution: Execution, row: LogRow) -> dict[str, Any]:
    """Return an update as it is read back: a line becomes a message."""
    payload = dict(row.payload)
    line = payload.pop("line", None) if row.type == "agent_log_line" else None
    return {
        "execution_id": execution.id,
        "timestamp": iso(row.stored_at),
        "type": row.type,
        "payload": {"message": line, **payload},
    }


def _moment(asked: Asked, name: str) -> float | None:
    text = asked.text(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("query", name, "Input should be a valid datetime") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _time(at: float | None) -> str | None:
    return None if at is None else naive_iso(at)
