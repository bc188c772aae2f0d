"""Flow executions as the server keeps them, and the commands they take (protocol §9)."""

import random
import uuid
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


def flow_id(flow_name: str) -> str:
    """Return the id of a flow, the same for all its runs."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, flow_name))


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

    async def wait_stop(self, seconds: float) -> bool:
        """Wait so long at most; tell whether a stop was asked for by then."""
        with trio.move_on_after(seconds):
            await self.stop_requested.wait()
        return self.stop_requested.is_set()


def answer_command(
    executions: Mapping[str, Execution],
    user: User | None,
    message: Mapping[str, Any],
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
        return {**ack, **_stop(execution, message)}
    if not bus_is_up:
        return {**ack, "status": "command_not_sent"}
    forwarded = {"command": command, "payload": message.get("payload") or {}}
    if "message" in message:
        forwarded["message"] = message["message"]
    if len(execution.commands) < COMMANDS_KEPT:
        execution.commands.append(forwarded)
    return {**ack, "status": "command_sent"}


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


def _stop(execution: Execution, message: Mapping[str, Any]) -> dict[str, Any]:
    if execution.is_over and execution.status != "STOPPED":
        return {"status": "not_running", "execution_status": execution.status}
    if not execution.is_over:
        execution.status = "STOPPED"  # at once; a frame follows only from a live orchestrator
        execution.commands.append({"command": "stop", "payload": message.get("payload") or {}})
        execution.stop_requested.set()
    return {"status": "stopped"}
