"""The envelopes of what the server pushes, with its order of keys (protocol §6); pure."""

from collections.abc import Mapping
from typing import Any

from trunkline.simulator.approvals import Approval
from trunkline.simulator.executions import Execution
from trunkline.simulator.wire import iso, naive_iso

#: Stand in a payload for the time at which it is pushed, with offset and without.
NOW = object()
NAIVE_NOW = object()

#: What a run was started by and belongs to; the simulator starts all runs by hand.
_FLEET_KEYS = (
    "trigger_source",
    "trigger_kind",
    "trigger_event_id",
    "subject",
    "thread_id",
    "resume_from_execution_id",
    "resume_root_execution_id",
    "resume_pr_url",
    "feedback_head_sha",
    "parent_execution_id",
    "root_execution_id",
    "retry_of_execution_id",
    "resume_execution_id",
)


def flow_update(
    execution: Execution, kind: str, payload: Mapping[str, Any], now: float
) -> dict[str, Any]:
    """Return an update of a run: without a topic, the type tells (§6.3)."""
    return {
        "execution_id": execution.id,
        "flow_id": execution.flow_id,
        "account_id": execution.account_id,
        "timestamp": iso(now),
        "type": kind,
        "payload": timed(payload, now),
    }


def account_event(
    account_id: str, topic: str, kind: str, payload: Mapping[str, Any], now: float, **ids: str
) -> dict[str, Any]:
    """Return an event of the account; `ids` stand at the top level, last (§6.1)."""
    return {
        "account_id": account_id,
        "topic": topic,
        "type": kind,
        "timestamp": iso(now),
        "payload": timed(payload, now),
        **ids,
    }


def approval_frame(approval: Approval, kind: str, now: float, **extra: object) -> dict[str, Any]:
    """Return a flat frame about an approval request; its times carry no offset (§6.2)."""
    return {
        "type": kind,
        "approval_request_id": approval.id,
        "account_id": approval.account_id,
        "tool_configuration_id": approval.tool_configuration_id,
        "approval_workflow_id": approval.approval_workflow_id,
        "execution_id": approval.execution_id,
        "tool_name": approval.tool_name,
        "summary": approval.summary,
        "tool_args": approval.tool_args,
        "agent_reasoning": approval.agent_reasoning,
        "managed_agent_name": approval.managed_agent_name,
        "managed_agent_id": None,
        "runtime_session_id": None,
        "api_key_id": None,
        "rule_context": None,
        "status": approval.status,
        "requested_at": naive_iso(approval.requested_at),
        "resolved_at": None if approval.resolved_at is None else naive_iso(approval.resolved_at),
        "expires_at": naive_iso(approval.expires_at),
        "timestamp": naive_iso(now),
        **extra,
    }


def fleet_context(flow_name: str, subject: str) -> dict[str, Any]:
    """Return the context that every status carries."""
    context: dict[str, Any] = {"flow_name": flow_name} | dict.fromkeys(_FLEET_KEYS)
    context["subject"] = {"event": subject}
    return context


def timed(payload: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return `payload` with the time in its places."""
    times = {id(NOW): iso, id(NAIVE_NOW): naive_iso}
    return {
        key: times[id(value)](now) if id(value) in times else value
        for key, value in payload.items()
    }
