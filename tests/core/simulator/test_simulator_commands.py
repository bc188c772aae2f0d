"""The table of commands (protocol §9)."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
from trio_websocket import WebSocketConnection

from trunkline.simulator import ACCOUNT_B, Execution, Simulator

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
Frames = Callable[[WebSocketConnection], Awaitable[list[str]]]

RUN_ID = "1eba553a-2baf-4603-a7a0-f8b7856aefad"


def run(status: str = "RUNNING") -> Execution:
    """Return a run of account A."""
    return Execution(RUN_ID, "flow", "demo", "fd574fbd-6838-441a-babb-7fba886addb9", status)


@pytest.mark.parametrize(
    ("status", "command", "tail"),
    [
        ("RUNNING", "stop", '"command":"stop","status":"stopped"}'),
        ("STOPPED", "stop", '"command":"stop","status":"stopped"}'),
        (
            "SUCCEEDED",
            "stop",
            '"command":"stop","status":"not_running","execution_status":"SUCCEEDED"}',
        ),
        ("RUNNING", "send_message", '"command":"send_message","status":"command_sent"}'),
        ("SUCCEEDED", "send_message", '"command":"send_message","status":"command_sent"}'),
        ("RUNNING", "bogus", '"command":"bogus","status":"command_sent"}'),
    ],
)
async def test_command_is_acked_as_recorded(
    autojump_clock: trio.abc.Clock,
    connect: Connect,
    ask: Ask,
    status: str,
    command: str,
    tail: str,
) -> None:
    """An ack says that it is on the bus, and nothing about an agent."""
    simulator = Simulator()
    simulator.world.add_execution(run(status))
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        reply = await ask(socket, type="command", command=command, execution_id=RUN_ID)
        assert reply == f'{{"type":"command_ack","execution_id":"{RUN_ID}",{tail}'


@pytest.mark.parametrize("token", [None, "viewer-token", "other-token"])
async def test_strangers_and_members_without_permission_are_refused_alike(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, token: str | None
) -> None:
    """The reply tells no reason, and the run goes on."""
    simulator = Simulator()
    execution = simulator.world.add_execution(run())
    async with simulator.in_memory() as dial, connect(dial, token=token) as socket:
        reply = await ask(socket, type="command", command="stop", execution_id=RUN_ID)
        assert reply == (
            f'{{"type":"command_error","execution_id":"{RUN_ID}","error":"unauthorized"}}'
        )
        assert execution.status == "RUNNING"


@pytest.mark.parametrize(
    "message",
    [
        {"execution_id": RUN_ID},
        {"execution_id": RUN_ID, "command": ""},
        {"execution_id": RUN_ID, "command": ["stop"]},
        {"command": "stop"},
        {"command": "stop", "execution_id": 7},
        {"command": "stop", "execution_id": "not-a-uuid"},
        {"command": "stop", "execution_id": ACCOUNT_B},
        {"command": "approve", "execution_id": "47381632-0c0c-4195-83c7-9a9e309a88ee"},
    ],
)
async def test_incomplete_commands_are_unauthorized_too(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, message: dict[str, object]
) -> None:
    """Unknown ids and missing fields are not distinguished."""
    simulator = Simulator()
    simulator.world.add_execution(run())
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        reply = json.loads(await ask(socket, type="command", **message))
        assert reply == {
            "type": "command_error",
            "execution_id": message.get("execution_id"),
            "error": "unauthorized",
        }


async def test_an_id_in_upper_case_is_found_and_echoed_as_sent(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """The echo keeps the case."""
    simulator = Simulator()
    simulator.world.add_execution(run())
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        reply = await ask(socket, type="command", command="x", execution_id=RUN_ID.upper())
        assert reply == (
            f'{{"type":"command_ack","execution_id":"{RUN_ID.upper()}",'
            '"command":"x","status":"command_sent"}'
        )


async def test_a_stop_is_put_on_the_bus_once_and_pushes_nothing_by_itself(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, frames: Frames
) -> None:
    """The row is STOPPED at once; only an orchestrator would send a frame."""
    simulator = Simulator()
    execution = simulator.world.add_execution(run())
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        stop = {"command": "stop", "execution_id": RUN_ID, "payload": {"reason": "test"}}
        await ask(socket, type="command", **stop)
        await ask(socket, type="command", **stop)
        assert execution.status == "STOPPED"
        assert execution.commands == [{"command": "stop", "payload": {"reason": "test"}}]
        assert await frames(socket) == []


async def test_a_message_for_the_agent_keeps_its_text(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """Over the socket the text arrives; REST would lose it."""
    simulator = Simulator()
    execution = simulator.world.add_execution(run())
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        await ask(
            socket, type="command", command="send_message", execution_id=RUN_ID, message="hello"
        )
        assert execution.commands == [
            {"command": "send_message", "payload": {}, "message": "hello"}
        ]


@pytest.mark.parametrize(
    ("command", "status"), [("stop", "stopped"), ("send_message", "command_not_sent")]
)
async def test_without_the_bus_only_a_stop_is_taken(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, command: str, status: str
) -> None:
    """Others are acked as not sent."""
    simulator = Simulator()
    simulator.world.add_execution(run())
    simulator.world.bus_is_up = False
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        reply = await ask(socket, type="command", command=command, execution_id=RUN_ID)
        assert json.loads(reply)["status"] == status
