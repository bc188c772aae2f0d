"""The classification rules, for every message type of the protocol and every recorded frame."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.config import config_from_mapping
from trunkline.connection.protocol import fallback_rules
from trunkline.plugin.manager import load
from trunkline.routing.classify import Classifier
from trunkline.routing.router import Router
from trunkline.routing.table import RouteTable

RECORDED = Path(__file__).with_name("frames.jsonl").read_text()
FRAMES = [json.loads(line) for line in RECORDED.splitlines()]

# protocol §7, "Client's topic of a message": what the original console made of a bare type
ORIGINAL = {
    "approval_created": "approvals", "approval_approved": "approvals",
    "approval_declined": "approvals", "approval_expired": "approvals",
    "approval_cancelled": "approvals", "approval_vote_received": "approvals",
    "approval_escalated": "approvals", "runner_updated": "runners", "runner_deleted": "runners",
    "runtime_session_created": "runtime_sessions", "runtime_session_updated": "runtime_sessions",
    "runtime_session_ended": "runtime_sessions", "managed_agent_created": "managed_agents",
    "managed_agent_updated": "managed_agents", "managed_agent_suspended": "managed_agents",
    "managed_agent_resumed": "managed_agents", "managed_agent_decommissioned": "managed_agents",
    "budget_health_updated": "budget_health", "audit_event": "audit",
    "execution_started": "flow_executions", "status_update": "flow_executions",
    "agent_log_line": "flow_executions", "execution_completed": "flow_executions",
    "execution_failed": "flow_executions", "model_gateway_call": "flow_executions",
    "tool_call": "flow_executions", "mcp_call": "flow_executions",
    "tool_calls_update": "flow_executions", "token_usage_update": "flow_executions",
    "budget_update": "flow_executions", "model_output": "flow_executions",
    "agent_started": "flow_executions", "agent_stopped": "flow_executions",
    "connected": "flow_executions", "activity_update": "activity", "ping": "system",
    "pong": "system", "handshake": "system", "authenticated": "system",
}  # fmt: skip
# protocol §15 C10: the console filed these under topics named like the type
MISSED = (
    "agent_status", "execution_warning", "execution_retry", "execution_parked", "user_stopped",
    "agent_log_error", "agent_loop_detected", "no_progress_nudge",
)  # fmt: skip
# types that nobody owns: the type itself is the topic
OWN_TOPIC = (
    "device_registered",
    "managed_agent_removed",
    "runtime_session_prompt",
    "code_activity",
)

WITHOUT_PLUGINS = RouteTable(fallbacks=fallback_rules())
WITH_BUILT_INS = load(
    config_from_mapping({"connection": {"url": "ws://localhost/"}}, environ={}),
    safe=True,
    fallbacks=fallback_rules(),
).table


@pytest.mark.parametrize("table", [WITHOUT_PLUGINS, WITH_BUILT_INS], ids=["bare", "built-ins"])
@pytest.mark.parametrize(("kind", "topic"), ORIGINAL.items())
def test_a_type_has_the_topic_it_had_in_the_original(
    kind: str, topic: str, table: RouteTable
) -> None:
    """With and without the built-in plugins."""
    assert Classifier(table).classify({"type": kind}).topic == topic


@pytest.mark.parametrize("kind", MISSED)
def test_c10_the_flow_plugin_claims_what_the_original_missed(kind: str) -> None:
    """Eight types of flow events, which bear no topic of their own."""
    assert Classifier(WITH_BUILT_INS).classify({"type": kind}).topic == "flow_executions"
    assert Classifier(WITHOUT_PLUGINS).classify({"type": kind}).topic == kind


@pytest.mark.parametrize("kind", OWN_TOPIC)
def test_a_type_nobody_claims_is_its_own_topic(kind: str) -> None:
    """The last rule."""
    found = Classifier(WITH_BUILT_INS).classify({"type": kind})
    assert (found.topic, found.how) == (kind, "type")


@pytest.mark.parametrize("kind", ["mcp_call", "model_gateway_call", "status_update", "made_up"])
def test_an_explicit_topic_comes_before_everything(kind: str) -> None:
    """The same type names stand on two topics of the server (protocol §6.5)."""
    found = Classifier(WITH_BUILT_INS).classify({"type": kind, "topic": "gateway_activity"})
    assert (found.topic, found.how) == ("gateway_activity", "topic")


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: str(frame.get("type")))
def test_every_recorded_frame_reaches_the_subscribers_of_its_topic(frame: dict[str, Any]) -> None:
    """Recorded from the real server, byte for byte."""
    kind = frame["type"]
    expected = frame.get("topic") or ORIGINAL.get(kind) or "flow_executions"
    if kind in {"command_ack", "command_error"}:
        expected = kind  # the connection takes these out before they are routed
    router = Router(WITH_BUILT_INS)
    got: list[Any] = []
    router.subscribe(expected, got.append)
    router.route(frame, 100, epoch=1, received=1.0)
    assert [dict(event.data) for event in got] == [frame]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
messages = st.dictionaries(
    st.sampled_from(["type", "topic", "payload", "execution_id"]) | st.text(), json_values
)


@given(messages, st.sampled_from([None, *ORIGINAL, "x" * 200, "", "..", "*"]))
def test_any_json_object_is_routed_somewhere(message: dict[str, Any], kind: str | None) -> None:
    """To its topic, or announced as unclassified on `system`; nothing raises."""
    if kind is not None:
        message = {**message, "type": kind}
    router = Router(WITH_BUILT_INS)
    got: list[Any] = []
    router.subscribe("*", got.append)
    router.route(message, 10, epoch=1, received=1.0)
    assert got
    found = Classifier(WITH_BUILT_INS).classify(message)
    if found.topic is not None:
        assert found.topic in [event.topic for event in got]
    else:
        assert [event.type for event in got] == ["message.unclassified"]
