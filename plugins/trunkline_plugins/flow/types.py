"""The events of topic `flow_executions` as classes, one for each type (protocol §6.3).

`event.as_(StatusUpdate)` gives the typed view; `FLOW_EVENTS[event.type]` names the class.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from trunkline_plugins.flow import payloads


@attrs.frozen(kw_only=True)
class FlowEvent:
    """What every one of them has; also the view of a type that is not listed here."""

    type: ClassVar[str] = ""
    execution_id: str
    flow_id: str | None = None
    account_id: str | None = None
    timestamp: datetime | None = None
    """When it happened; absent in the log lines of private runners."""


@attrs.frozen(kw_only=True)
class ExecutionStarted(FlowEvent):
    """A run was accepted; it is still PENDING."""

    type: ClassVar[str] = "execution_started"
    payload: payloads.Start


@attrs.frozen(kw_only=True)
class StatusUpdate(FlowEvent):
    """Status or figures have changed; the end of a run is one of these."""

    type: ClassVar[str] = "status_update"
    payload: payloads.Update


@attrs.frozen(kw_only=True)
class AgentLogLine(FlowEvent):
    """The agent has written a line."""

    type: ClassVar[str] = "agent_log_line"
    payload: payloads.LogLine


@attrs.frozen(kw_only=True)
class TokenUsageUpdate(FlowEvent):
    """More tokens were used."""

    type: ClassVar[str] = "token_usage_update"
    payload: payloads.Tokens


@attrs.frozen(kw_only=True)
class ToolCallsUpdate(FlowEvent):
    """More tools were called."""

    type: ClassVar[str] = "tool_calls_update"
    payload: payloads.ToolCalls


@attrs.frozen(kw_only=True)
class McpCall(FlowEvent):
    """An MCP tool was called, or has answered."""

    type: ClassVar[str] = "mcp_call"
    payload: payloads.Mcp


@attrs.frozen(kw_only=True)
class ModelGatewayCall(FlowEvent):
    """A model was called through the server's gateway."""

    type: ClassVar[str] = "model_gateway_call"
    payload: payloads.ModelCall


@attrs.frozen(kw_only=True)
class AgentStatus(FlowEvent):
    """A sign of life of the agent."""

    type: ClassVar[str] = "agent_status"
    payload: payloads.AgentState


@attrs.frozen(kw_only=True)
class ExecutionWarning(FlowEvent):
    """A warning about the run."""

    type: ClassVar[str] = "execution_warning"
    payload: payloads.Warned


@attrs.frozen(kw_only=True)
class ExecutionRetry(FlowEvent):
    """The run is tried again, under the same id."""

    type: ClassVar[str] = "execution_retry"
    payload: payloads.Retry


@attrs.frozen(kw_only=True)
class ExecutionParked(FlowEvent):
    """The run waits for somebody."""

    type: ClassVar[str] = "execution_parked"
    payload: payloads.Parked


@attrs.frozen(kw_only=True)
class UserStopped(FlowEvent):
    """A person has stopped the run."""

    type: ClassVar[str] = "user_stopped"
    payload: payloads.Stopped


@attrs.frozen(kw_only=True)
class AgentLogError(FlowEvent):
    """The agent's log could not be read."""

    type: ClassVar[str] = "agent_log_error"
    payload: payloads.LogError


@attrs.frozen(kw_only=True)
class AgentLoopDetected(FlowEvent):
    """The agent repeats itself."""

    type: ClassVar[str] = "agent_loop_detected"
    payload: payloads.Loop


@attrs.frozen(kw_only=True)
class NoProgressNudge(FlowEvent):
    """The agent was asked to go on."""

    type: ClassVar[str] = "no_progress_nudge"
    payload: payloads.Nudge


@attrs.frozen(kw_only=True)
class ListedEvent(FlowEvent):
    """A type that the server lists and, as of 0.17.1, never sends; its payload is unknown."""

    payload: dict[str, Any] = attrs.Factory(dict)


@attrs.frozen(kw_only=True)
class ExecutionCompleted(ListedEvent):
    """The run has succeeded."""

    type: ClassVar[str] = "execution_completed"


@attrs.frozen(kw_only=True)
class ExecutionFailed(ListedEvent):
    """The run has failed."""

    type: ClassVar[str] = "execution_failed"


@attrs.frozen(kw_only=True)
class ToolCall(ListedEvent):
    """A tool was called."""

    type: ClassVar[str] = "tool_call"


@attrs.frozen(kw_only=True)
class BudgetUpdate(ListedEvent):
    """The budget has changed."""

    type: ClassVar[str] = "budget_update"


@attrs.frozen(kw_only=True)
class ModelOutput(ListedEvent):
    """The model has said something."""

    type: ClassVar[str] = "model_output"


@attrs.frozen(kw_only=True)
class AgentStarted(ListedEvent):
    """The agent was started."""

    type: ClassVar[str] = "agent_started"


@attrs.frozen(kw_only=True)
class AgentStopped(ListedEvent):
    """The agent has ended."""

    type: ClassVar[str] = "agent_stopped"


@attrs.frozen(kw_only=True)
class Connected(FlowEvent):
    """The greeting of the server's stream of one execution (protocol §14)."""

    type: ClassVar[str] = "connected"
    message: str | None = None


#: {type: its class}; what this topic consists of
FLOW_EVENTS: Mapping[str, type[FlowEvent]] = {
    cls.type: cls
    for cls in (
        ExecutionStarted,
        StatusUpdate,
        AgentLogLine,
        TokenUsageUpdate,
        ToolCallsUpdate,
        McpCall,
        ModelGatewayCall,
        AgentStatus,
        ExecutionWarning,
        ExecutionRetry,
        ExecutionParked,
        UserStopped,
        AgentLogError,
        AgentLoopDetected,
        NoProgressNudge,
        ExecutionCompleted,
        ExecutionFailed,
        ToolCall,
        BudgetUpdate,
        ModelOutput,
        AgentStarted,
        AgentStopped,
        Connected,
    )
}
