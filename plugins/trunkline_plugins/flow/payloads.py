"""What stands under `payload` in the events of an execution, by type (protocol §6.3).

A field is required where an event without it would say nothing. Everything else may be absent
or null, so that a server that adds, drops or empties a field still has its events understood.
Money is in US dollars, `elapsed` in seconds since the run began.
"""

from datetime import datetime
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class FleetContext:
    """Where an execution comes from and which others it belongs to."""

    flow_name: str | None = None
    trigger_source: str | None = None
    trigger_kind: str | None = None
    trigger_event_id: str | None = None
    subject: Any = None
    thread_id: str | None = None
    resume_from_execution_id: str | None = None
    resume_root_execution_id: str | None = None
    resume_pr_url: str | None = None
    feedback_head_sha: str | None = None
    parent_execution_id: str | None = None
    root_execution_id: str | None = None
    retry_of_execution_id: str | None = None
    resume_execution_id: str | None = None


@attrs.frozen(kw_only=True)
class Start:
    """An execution was accepted."""

    status: str
    flow_id: str | None = None
    flow_name: str | None = None
    fleet_context: FleetContext | None = None


@attrs.frozen(kw_only=True)
class Update:
    """What has changed; without `status` it carries figures only."""

    status: str | None = None
    fleet_context: FleetContext | None = None
    resolved_input_prompt: str | None = None
    agent_session_reference: str | None = None
    model_output_summary: str | None = None
    error_message: str | None = None
    failure_category: str | None = None
    actions_taken_summary: tuple[Any, ...] | None = None
    mcp_usage_logs: tuple[Any, ...] | None = None
    result: Any = None
    result_schema_validation: Any = None
    end_time: datetime | None = None
    tool_calls_count: int | None = None
    total_tokens: int | None = None
    estimated_cost: float | None = None


@attrs.frozen(kw_only=True)
class LogLine:
    """One line of the agent's log."""

    line: str
    timestamp: datetime | None = None
    truncated: bool = False
    """The server has cut it."""


@attrs.frozen(kw_only=True)
class Tokens:
    """Tokens used so far."""

    total_tokens: int
    pricing_available: bool | None = None
    timestamp: datetime | None = None


@attrs.frozen(kw_only=True)
class ToolCalls:
    """Tool calls made so far."""

    tool_calls: int
    timestamp: datetime | None = None


@attrs.frozen(kw_only=True)
class Mcp:
    """One call of an MCP tool."""

    server_name: str | None = None
    tool_name: str | None = None
    arguments: Any = None
    status: str | None = None
    """`pending`, `success` or `failed`."""
    result_summary: Any = None
    error: Any = None
    timestamp: datetime | None = None


@attrs.frozen(kw_only=True)
class ModelCall:
    """One call of a model through the server's gateway; its figures are of this call alone."""

    api_usage_id: str | None = None
    status_code: int | None = None
    outcome: str | None = None
    duration_ms: float | None = None
    model_alias: str | None = None
    provider_name: str | None = None
    total_tokens: int | None = None
    estimated_cost: float | None = None
    tools: Any = None
    conversation_preview: Any = None


@attrs.frozen(kw_only=True)
class AgentState:
    """How the agent does; sent about every five seconds."""

    status: str
    """RUNNING, SUCCEEDED, FAILED or STOPPED: the agent's, not the execution's."""
    elapsed: float | None = None


@attrs.frozen(kw_only=True)
class Warned:
    """Something worth a person's attention."""

    message: str
    level: str | None = None
    details: Any = None


@attrs.frozen(kw_only=True)
class Retry:
    """The agent is about to be started again."""

    attempt: int
    max_attempts: int | None = None
    delay_seconds: float | None = None


@attrs.frozen(kw_only=True)
class Parked:
    """The execution waits, for a person or for other executions."""

    park_kind: str | None = None
    approval_request_id: str | None = None
    elapsed: float | None = None


@attrs.frozen(kw_only=True)
class Stopped:
    """A person has stopped it."""

    elapsed: float | None = None


@attrs.frozen(kw_only=True)
class LogError:
    """The agent's log could not be read."""

    error: str


@attrs.frozen(kw_only=True)
class Loop:
    """The agent repeats itself."""

    error: str | None = None
    elapsed: float | None = None
    pattern_length: int | None = None
    repetitions: int | None = None
    pattern: Any = None


@attrs.frozen(kw_only=True)
class Nudge:
    """The agent was asked to go on, because nothing was happening."""

    elapsed: float | None = None
    delivered: bool | None = None
    grace_seconds: float | None = None
