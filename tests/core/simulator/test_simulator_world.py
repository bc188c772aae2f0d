"""What the server keeps, and for how long."""

import json
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import trio
from trio_websocket import WebSocketConnection

from trunkline.simulator import ACCOUNT_A, Approval, Simulator

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Frames = Callable[[WebSocketConnection], Awaitable[list[str]]]


async def test_a_request_is_decided_once(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames
) -> None:
    """The second decision finds nothing pending, and nothing is pushed."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        approval = simulator.world.request_approval()
        assert simulator.world.resolve_approval(approval.id, "approved")
        assert not simulator.world.resolve_approval(approval.id, "declined")
        assert not simulator.world.resolve_approval("unknown", "declined")
        types = [json.loads(frame)["type"] for frame in await frames(socket)]
        assert types == ["approval_created", "approval_approved"]


def test_old_records_that_are_over_go_first() -> None:
    """A simulator that runs for days does not grow."""
    world = Simulator().world
    running = world.add_execution()
    over = world.add_execution(status="SUCCEEDED")
    for _ in range(999):
        world.add_execution()
    assert len(world.executions) == 1_000
    assert running.id in world.executions
    assert over.id not in world.executions
    world.add_execution()
    assert len(world.executions) == 1_000
    assert running.id not in world.executions


def test_old_approvals_go_too() -> None:
    """Those that were decided."""
    world = Simulator().world
    first = world.request_approval()
    decided = world.request_approval(
        Approval.draw(random.Random(0), ACCOUNT_A, 0.0, status="declined")
    )
    for _ in range(999):
        world.request_approval()
    assert first.id in world.approvals
    assert decided.id not in world.approvals
