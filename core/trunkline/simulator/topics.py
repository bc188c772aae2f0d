"""Which pushed message reaches which socket (protocol §7); pure.

Written from the protocol page alone, and not shared with the client's table, so that the two
check each other.
"""

from collections.abc import Collection, Mapping
from typing import Any

from trunkline.simulator.users import User

#: What a client may subscribe to.
TOPICS = frozenset(
    {
        "activity",
        "activity_metrics",
        "agent_control",
        "approvals",
        "audit",
        "budget_health",
        "code_activity",
        "flow_executions",
        "gateway_activity",
        "managed_agents",
        "presence",
        "runners",
        "runtime_sessions",
    }
)

#: The flow updates that the server files under a topic; all others reach everybody (§6.3).
FLOW_TYPES = frozenset(
    {
        "execution_started",
        "status_update",
        "agent_log_line",
        "token_usage_update",
        "tool_calls_update",
        "mcp_call",
        "model_gateway_call",
        "execution_completed",
        "execution_failed",
        "tool_call",
        "budget_update",
        "model_output",
        "agent_started",
        "agent_stopped",
        "connected",
    }
)


def topic_of(message: Mapping[str, Any]) -> str | None:
    """Return the topic that the server gives a message; None: it cannot tell, and sends it."""
    topic = message.get("topic")
    if isinstance(topic, str) and topic.strip() in TOPICS:
        return topic.strip()
    kind = message.get("type")
    if not isinstance(kind, str):
        return None
    if kind.startswith("approval_"):
        return "approvals"
    if kind.startswith("runner_"):
        return "runners"
    if kind == "activity_update":
        return "activity"
    return "flow_executions" if kind in FLOW_TYPES else None


def reaches(message: Mapping[str, Any], user: User | None, topics: Collection[str]) -> bool:
    """Tell whether a socket of `user` that subscribed to `topics` gets `message`.

    A message without an account goes to every socket, also to anonymous ones (S2).
    """
    account_id = message.get("account_id")
    if account_id is not None and (user is None or user.account_id != account_id):
        return False
    topic = topic_of(message)
    if topic == "approvals" and (user is None or not user.may_view_approvals):
        return False
    if topic == "presence" and not _may_see_presence(message, user):
        return False
    return not topics or topic is None or topic in topics


def _may_see_presence(message: Mapping[str, Any], user: User | None) -> bool:
    payload = message.get("payload")
    about = payload.get("user_id") if isinstance(payload, Mapping) else message.get("user_id")
    return about is None or (user is not None and (user.may_view_users or user.id == about))
