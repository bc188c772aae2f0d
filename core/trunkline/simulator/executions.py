"""Flow executions as the server keeps them, and the commands they take (protocol §9)."""

import random
import uuid
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

import attrs
import trio

from trunkline.simulator.users import User
from trunkline.simulator.wire import new_id

TERMINAL = frozenset(
    {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "TIMED_OUT", "ABORTED", "CANCELLED", "CANCELED"}
)

COMMANDS_KEPT = 1_000  # for each run; what comes later is acked and forgotten
LOG_KEPT = 2_000  # rows of each run; the oldest go

#: What an update says of a run's row: {field of the payload: field of `Execution`}.
_FIGURES = {
    "error_message": "error_message",
    "failure_category": "failure_category",
    "model_output_summary": "summary",
    "resolved_input_prompt": "prompt",
    "agent_session_reference": "session_reference",
    "tool_calls_count": "tool_calls",
    "tool_calls": "tool_calls",
    "total_tokens": "tokens",
    "estimated_cost": "cost",
}
#: Only these change the row; a `model_gateway_call` has figures of its own alone.
_UPDATES = frozenset({"status_update", "token_usage_update", "tool_calls_update"})


def flow_id(flow_name: str) -> str:
    """Return the id of a flow, the same for all its runs."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, flow_name))


@attrs.frozen
class LogRow:
    """An update as it was stored; all of them are, not only log lines (protocol §11)."""

    stored_at: float
    """Seconds since 1970, as all times here."""
    type: str
    payload: Mapping[str, Any]


@attrs.define(eq=False)
class Execution:
    """One run of a flow."""

    id: str
    flow_id: str
    flow_name: str
    account_id: str
    status: str = "PENDING"
    commands: list[dict[str, Any]] = attrs.Factory(list)
    """What was put on the bus for whoever carries out the run, oldest first."""
    stop_requested: trio.Event = attrs.Factory(trio.Event)
    created_at: float = 0.0
    updated_at: float = 0.0
    ended_at: float | None = None
    error_message: str | None = None
    failure_category: str | None = None
    summary: str | None = None
    prompt: str | None = None
    session_reference: str | None = None
    tool_calls: int = 0
    tokens: int = 0
    cost: float = 0.0
    stop_reason: str | None = None
    log: deque[LogRow] = attrs.Factory(lambda: deque(maxlen=LOG_KEPT))

    @classmethod
    def draw(
        cls, rng: random.Random, account_id: str, flow_name: str, status: str = "PENDING"
    ) -> Self:
        """Return a new run with an id drawn from `rng`."""
        return cls(new_id(rng), flow_id(flow_name), flow_name, account_id, status)

    @property
    def is_over(self) -> bool:
        """It has a terminal status."""
        return self.status in TERMINAL

    def take(self, kind: str, payload: Mapping[str, Any], now: float) -> None:
        """Change the row as an update of the run says, and the time with it."""
        self.updated_at = now
        if kind not in _UPDATES:
            return
        for name, field in _FIGURES.items():
            if payload.get(name) is not None:
                setattr(self, field, payload[name])
        self.status = payload.get("status") or self.status
        if self.is_over and self.ended_at is None:
            self.ended_at = now

    async def wait_stop(self, seconds: float) -> bool:
        """Wait so long at most; tell whether a stop was asked for by then."""
        with trio.move_on_after(seconds):
            await self.stop_requested.wait()
        return self.stop_requested.is_set()


def answer_command(
    executions: Mapping[str, Execution],
    user: User | None,
    message: Mapping[str, Any],
    now: float,
    *,
    bus_is_up: bool,
) -> dict[str, Any]:
    """Carry out a `command` message and return the reply.

    Every refusal reads the same, whatever its reason (§9). An ack says "put on the bus", no more.
    """
    echo = message.get("execution_id")
    command = message.get("command")
    execution = _find(executions, user, echo)
    if execution is None or not isinstance(command, str) or not command:
        return {"type": "command_error", "execution_id": echo, "error": "unauthorized"}
    ack = {"type": "command_ack", "execution_id": echo, "command": command}
    if command == "stop":
        return {**ack, **stop(execution, message, now)}
    if not bus_is_up:
        return {**ack, "status": "command_not_sent"}
    forward(execution, message)
    return {**ack, "status": "command_sent"}


def forward(execution: Execution, message: Mapping[str, Any]) -> None:
    """Put a command on the bus for whoever carries out the run."""
    forwarded = {"command": message["command"], "payload": message.get("payload") or {}}
    if "message" in message:
        forwarded["message"] = message["message"]
    if len(execution.commands) < COMMANDS_KEPT:
        execution.commands.append(forwarded)


def _find(
    executions: Mapping[str, Execution], user: User | None, execution_id: object
) -> Execution | None:
    if user is None or not user.may_execute or not isinstance(execution_id, str):
        return None
    try:
        execution = executions.get(str(uuid.UUID(execution_id)))
    except ValueError:
        return None
    return execution if execution and execution.account_id == user.account_id else None


def stop(execution: Execution, message: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Stop a run; return what the acknowledgement says of it."""
    if execution.is_over and execution.status != "STOPPED":
        return {"status": "not_running", "execution_status": execution.status}
    if not execution.is_over:
        execution.status = "STOPPED"  # at once; a frame follows only from a live orchestrator
        execution.updated_at = execution.ended_at = now
        payload = message.get("payload")
        execution.stop_reason = payload.get("reason") if isinstance(payload, Mapping) else None
        execution.commands.append({"command": "stop", "payload": message.get("payload") or {}})
        execution.stop_requested.set()
    return {"status": "stopped"}
