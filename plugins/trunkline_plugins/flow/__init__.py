"""Built-in plugin `flow`: executions, their events as classes, a live table, commands.

In a program of one's own the table stands alone:

    store = ExecutionStore()
    store.follow(connection)
    ...
    for execution in store.executions(): ...
"""

from trunkline_plugins.flow import payloads
from trunkline_plugins.flow.control import send_message, stop
from trunkline_plugins.flow.execution import FINAL_STATUSES, Execution
from trunkline_plugins.flow.lifecycle import (
    Finished,
    Started,
    on_execution_finished,
    on_execution_started,
)
from trunkline_plugins.flow.log import LogEntry
from trunkline_plugins.flow.plugin import (
    trunkline_backfill,
    trunkline_plugin,
    trunkline_register_classifiers,
    trunkline_register_topics,
    trunkline_run,
)
from trunkline_plugins.flow.settings import FlowSettings, GuardRule
from trunkline_plugins.flow.store import ExecutionStore
from trunkline_plugins.flow.table import COLUMNS, rows
from trunkline_plugins.flow.types import (
    FLOW_EVENTS,
    AgentLogError,
    AgentLogLine,
    AgentLoopDetected,
    AgentStarted,
    AgentStatus,
    AgentStopped,
    BudgetUpdate,
    Connected,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionParked,
    ExecutionRetry,
    ExecutionStarted,
    ExecutionWarning,
    FlowEvent,
    McpCall,
    ModelGatewayCall,
    ModelOutput,
    NoProgressNudge,
    StatusUpdate,
    TokenUsageUpdate,
    ToolCall,
    ToolCallsUpdate,
    UserStopped,
)

__all__ = [
    "COLUMNS",
    "FINAL_STATUSES",
    "FLOW_EVENTS",
    "AgentLogError",
    "AgentLogLine",
    "AgentLoopDetected",
    "AgentStarted",
    "AgentStatus",
    "AgentStopped",
    "BudgetUpdate",
    "Connected",
    "Execution",
    "ExecutionCompleted",
    "ExecutionFailed",
    "ExecutionParked",
    "ExecutionRetry",
    "ExecutionStarted",
    "ExecutionStore",
    "ExecutionWarning",
    "Finished",
    "FlowEvent",
    "FlowSettings",
    "GuardRule",
    "LogEntry",
    "McpCall",
    "ModelGatewayCall",
    "ModelOutput",
    "NoProgressNudge",
    "Started",
    "StatusUpdate",
    "TokenUsageUpdate",
    "ToolCall",
    "ToolCallsUpdate",
    "UserStopped",
    "on_execution_finished",
    "on_execution_started",
    "payloads",
    "rows",
    "send_message",
    "stop",
    "trunkline_backfill",
    "trunkline_plugin",
    "trunkline_register_classifiers",
    "trunkline_register_topics",
    "trunkline_run",
]
