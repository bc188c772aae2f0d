"""Every event of an execution has a class, and the class has every field of the event."""

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from trunkline import Event, InvalidData
from trunkline_plugins.flow import FLOW_EVENTS, AgentLogLine, AgentStatus, StatusUpdate

AT = "2026-11-22T21:04:56.852557+00:00"
CONTEXT = {
    "flow_name": "nightly",
    "trigger_source": None,
    "trigger_kind": None,
    "trigger_event_id": None,
    "subject": {"event": "Manual Test Run"},
    "thread_id": None,
    "resume_from_execution_id": None,
    "resume_root_execution_id": None,
    "resume_pr_url": None,
    "feedback_head_sha": None,
    "parent_execution_id": None,
    "root_execution_id": None,
    "retry_of_execution_id": None,
    "resume_execution_id": None,
}

#: {type: payload} with every field that protocol §6.3 names
PAYLOADS: dict[str, dict[str, Any]] = {
    "execution_started": {
        "status": "PENDING",
        "flow_id": "f-1",
        "flow_name": "nightly",
        "fleet_context": CONTEXT,
    },
    "status_update": {
        "status": "SUCCEEDED",
        "fleet_context": CONTEXT,
        "resolved_input_prompt": "Summarise.",
        "agent_session_reference": "session-1",
        "model_output_summary": "done",
        "error_message": None,
        "failure_category": None,
        "actions_taken_summary": [{"did": "this"}],
        "mcp_usage_logs": [],
        "result": {"any": ["thing"]},
        "result_schema_validation": None,
        "end_time": AT,
        "tool_calls_count": 2,
        "total_tokens": 1200,
        "estimated_cost": 0.25,
    },
    "agent_log_line": {"line": "step 1 ✓", "timestamp": AT, "truncated": True},
    "token_usage_update": {"total_tokens": 10, "pricing_available": False, "timestamp": AT},
    "tool_calls_update": {"tool_calls": 3, "timestamp": AT},
    "mcp_call": {
        "timestamp": AT,
        "server_name": "git",
        "tool_name": "log",
        "arguments": {"n": 1},
        "status": "success",
        "result_summary": "ok",
        "error": None,
    },
    "model_gateway_call": {
        "api_usage_id": "u-1",
        "status_code": 200,
        "outcome": "success",
        "duration_ms": 12,
        "model_alias": "m",
        "provider_name": "p",
        "total_tokens": 10,
        "estimated_cost": 0.01,
        "tools": [],
        "conversation_preview": [{"role": "user"}],
    },
    "agent_status": {"status": "RUNNING", "elapsed": 5},
    "execution_warning": {"message": "slow", "level": "warning", "details": {"n": 1}},
    "execution_retry": {"attempt": 1, "max_attempts": 3, "delay_seconds": 2.5},
    "execution_parked": {"park_kind": "human", "approval_request_id": "a-1", "elapsed": 7},
    "user_stopped": {"elapsed": 9},
    "agent_log_error": {"error": "no log"},
    "agent_loop_detected": {
        "error": "loop",
        "elapsed": 9,
        "pattern_length": 2,
        "repetitions": 5,
        "pattern": ["a", "b"],
    },
    "no_progress_nudge": {"elapsed": 60, "delivered": True, "grace_seconds": 30},
    "execution_completed": {"anything": 1},
    "execution_failed": {},
    "tool_call": {},
    "budget_update": {},
    "model_output": {},
    "agent_started": {},
    "agent_stopped": {},
}
UNROUTED_BY_THE_CONSOLE = {
    "agent_status",
    "execution_warning",
    "execution_retry",
    "execution_parked",
    "user_stopped",
    "agent_log_error",
    "agent_loop_detected",
    "no_progress_nudge",
}


def make_event(kind: str, payload: Mapping[str, Any]) -> Event:
    data = {
        "execution_id": "e75f19b5",
        "flow_id": "dd17d9a8",
        "account_id": "fd574fbd",
        "timestamp": AT,
        "type": kind,
        "payload": payload,
    }
    return Event("flow_executions", kind, data)


def lost_fields(message: Mapping[str, Any], view: attrs.AttrsInstance) -> set[str]:
    """Name what the message has and its class has no field for."""
    known = {field.name for field in attrs.fields(type(view))}
    return set(message) - known - {"type", "topic"}


def test_flow_events_are_those_of_the_protocol() -> None:
    """The table has the types of protocol §6.3, each under its own class, and no other."""
    assert set(FLOW_EVENTS) == {*PAYLOADS, "connected"}
    assert len(set(FLOW_EVENTS.values())) == len(FLOW_EVENTS)
    assert set(FLOW_EVENTS) > UNROUTED_BY_THE_CONSOLE


@pytest.mark.parametrize("kind", PAYLOADS)
def test_every_flow_type_structures_whole(kind: str) -> None:
    """Each type structures into its class, and no documented field is left behind."""
    event = make_event(kind, PAYLOADS[kind])
    view: Any = event.as_(FLOW_EVENTS[kind])
    assert view.type == kind
    assert lost_fields(event.data, view) == set()
    if attrs.has(type(view.payload)):
        assert lost_fields(PAYLOADS[kind], view.payload) == set()
    else:
        assert view.payload == PAYLOADS[kind]


def test_every_recorded_flow_frame_structures_whole(frames: tuple[dict[str, Any], ...]) -> None:
    """What a real server has sent on this topic has a class with a field for all of it."""
    recorded = [
        frame
        for frame in frames
        if frame["type"] in FLOW_EVENTS and frame.get("topic") in {None, "flow_executions"}
    ]
    assert {frame["type"] for frame in recorded} >= {"status_update", "agent_status", "connected"}
    for frame in recorded:
        view: Any = Event("flow_executions", frame["type"], frame).as_(FLOW_EVENTS[frame["type"]])
        assert lost_fields(frame, view) == set()
        assert view.execution_id == frame["execution_id"]
        if "payload" in frame:
            assert lost_fields(frame["payload"], view.payload) == set()


def test_status_update_without_status_carries_figures() -> None:
    """A metrics-only update (protocol §6.3) is a valid one."""
    view: Any = make_event("status_update", {"total_tokens": 7}).as_(StatusUpdate)
    assert view.payload.status is None
    assert view.payload.total_tokens == 7


def test_log_line_of_a_private_runner_needs_no_account_flow_or_time() -> None:
    """Runners send nothing but the id and the line (protocol §6.3)."""
    data = {"execution_id": "e-1", "type": "agent_log_line", "payload": {"line": "hello"}}
    view: Any = Event("flow_executions", "agent_log_line", data).as_(AgentLogLine)
    assert (view.payload.line, view.timestamp, view.account_id) == ("hello", None, None)


def test_wrong_kind_of_value_is_refused_with_its_path() -> None:
    """A status that is a number is an error that names the place, not a status `7`."""
    with pytest.raises(InvalidData, match=r"\$\.payload\.status: expected a string"):
        make_event("agent_status", {"status": 7}).as_(AgentStatus)
