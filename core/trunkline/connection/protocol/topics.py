"""The server's topics, and which messages belong to them when nobody else says so (§7).

These rules are asked after those of the plugins, so a plugin is free to own any of the topics.
"""

from collections.abc import Iterator, Mapping

import attrs

from trunkline.config import HOST_TOPIC
from trunkline.routing.table import TopicRule


@attrs.frozen
class ServerTopic:
    """What the server sends on one topic."""

    types: frozenset[str] = frozenset()
    prefix: str | None = None


#: {topic: the types that belong to it}; the thirteen a client may subscribe to
SERVER_TOPICS: Mapping[str, ServerTopic] = {
    "activity": ServerTopic(frozenset({"activity_update"})),
    "activity_metrics": ServerTopic(),
    "agent_control": ServerTopic(),
    "approvals": ServerTopic(prefix="approval_"),
    "audit": ServerTopic(frozenset({"audit_event"})),
    "budget_health": ServerTopic(frozenset({"budget_health_updated"})),
    "code_activity": ServerTopic(),
    "flow_executions": ServerTopic(
        frozenset(
            {
                "execution_started",
                "status_update",
                "agent_log_line",
                "execution_completed",
                "execution_failed",
                "model_gateway_call",
                "tool_call",
                "mcp_call",
                "tool_calls_update",
                "token_usage_update",
                "budget_update",
                "model_output",
                "agent_started",
                "agent_stopped",
                "connected",
            }
        )
    ),
    "gateway_activity": ServerTopic(),
    "managed_agents": ServerTopic(
        frozenset(
            f"managed_agent_{change}"
            for change in ("created", "updated", "suspended", "resumed", "decommissioned")
        )
    ),
    "presence": ServerTopic(),
    "runners": ServerTopic(prefix="runner_"),
    "runtime_sessions": ServerTopic(
        frozenset(f"runtime_session_{change}" for change in ("created", "updated", "ended"))
    ),
}

#: Replies are the host's own business; they are published on `system`.
SYSTEM_TYPES = frozenset({"ping", "pong", "handshake", "authenticated"})


def fallback_rules() -> tuple[TopicRule, ...]:
    """Return the table as rules of the router."""
    return tuple(_rules())


def _rules() -> Iterator[TopicRule]:
    for name, topic in SERVER_TOPICS.items():
        for kind in sorted(topic.types):
            yield TopicRule(name, "", {"type": kind})
        if topic.prefix:
            yield TopicRule(name, "", {"type": {"prefix": topic.prefix}})
    for kind in sorted(SYSTEM_TYPES):
        yield TopicRule(HOST_TOPIC, "", {"type": kind})
