"""Life on the server: the same under a seed, shaped as recorded, and open to commands."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio
import trio.testing
from trio_websocket import WebSocketConnection

from trunkline.errors import UsageError
from trunkline.simulator import (
    ACCOUNT_B,
    SCENARIOS,
    Simulator,
)

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
Frames = Callable[[WebSocketConnection], Awaitable[list[str]]]
Message = dict[str, Any]

WALL = 1_795_380_645.25
TERMINAL = {"SUCCEEDED", "FAILED", "STOPPED"}

#: The keys of recorded frames, in their order (protocol §6).
RECORDED_KEYS = {
    "status_update": "execution_id flow_id account_id timestamp type payload",
    "agent_status": "execution_id flow_id account_id timestamp type payload",
    "audit_event": "account_id topic type timestamp payload",
    "runtime_session_created": "account_id topic type timestamp payload "
    "runtime_session_id flow_id execution_id",
    "runner_updated": "account_id topic type timestamp payload runner_id",
    "approval_created": "type approval_request_id account_id tool_configuration_id "
    "approval_workflow_id execution_id tool_name summary tool_args agent_reasoning "
    "managed_agent_name managed_agent_id runtime_session_id api_key_id rule_context status "
    "requested_at resolved_at expires_at timestamp",
    "approval_vote_received": "type approval_request_id account_id tool_configuration_id "
    "approval_workflow_id execution_id tool_name summary tool_args agent_reasoning "
    "managed_agent_name managed_agent_id runtime_session_id api_key_id rule_context status "
    "requested_at resolved_at expires_at timestamp approval_count approvals_required",
}


def make(seed: int = 0, **settings: Any) -> Simulator:
    """Return a simulator whose wall clock is virtual too, and which asks for no pongs."""
    return Simulator(
        seed=seed,
        idle_timeout=100_000.0,
        walltime=lambda: WALL + trio.current_time(),
        **settings,
    )


async def watch(
    connect: Connect, simulator: Simulator, seconds: float, token: str = "demo-token"
) -> list[str]:
    """Return every frame of so many seconds."""
    found: list[str] = []
    async with simulator.in_memory() as dial, connect(dial, token=token) as socket:
        with trio.move_on_after(seconds):
            while True:
                found.append(str(await socket.get_message()))
    return found


async def play(
    connect: Connect, frames: Frames, name: str, simulator: Simulator | None = None
) -> list[Message]:
    """Return what a scenario that ends pushes to account A."""
    simulator = simulator or make()
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        await simulator.run_scenario(name)
        return [json.loads(frame) for frame in await frames(socket)]


def statuses(messages: list[Message]) -> list[str]:
    """Return the statuses a run went through."""
    return [each["payload"]["status"] for each in messages if each["type"] == "status_update"]


async def test_a_seed_repeats_every_byte_of_a_minute(
    autojump_clock: trio.testing.MockClock, connect: Connect
) -> None:
    """Ids, words, times and order; another seed tells another story."""

    async def minute(seed: int) -> list[str]:
        start = trio.current_time()
        simulator = Simulator(
            seed=seed, scenario="demo", walltime=lambda: round(trio.current_time() - start, 6)
        )
        return await watch(connect, simulator, 60.0)

    first = await minute(7)
    assert len(first) > 200
    assert await minute(7) == first
    assert await minute(8) != first


async def test_demo_is_alive(autojump_clock: trio.abc.Clock, connect: Connect) -> None:
    """One to three events a second and run, an approval about every eight seconds, ends."""
    messages = [json.loads(frame) for frame in await watch(connect, make(scenario="demo"), 300.0)]
    types = Counter(each["type"] for each in messages)
    assert 300 * 3 <= len(messages) <= 300 * 3 * 4
    assert 30 <= types["approval_created"] <= 50
    decided = types["approval_approved"], types["approval_declined"], types["approval_expired"]
    assert min(decided) >= 1
    assert min(types["runner_updated"], types["audit_event"], types["budget_health_updated"]) >= 1
    ends = Counter(status for status in statuses(messages) if status in TERMINAL)
    assert ends["SUCCEEDED"] >= 10
    assert ends["FAILED"] >= 1


async def test_speed_plays_faster(autojump_clock: trio.abc.Clock, connect: Connect) -> None:
    """Twice as fast is about twice as many."""
    slow = await watch(connect, make(scenario="demo"), 100.0)
    fast = await watch(connect, make(scenario="demo", speed=2.0), 100.0)
    assert 1.6 < len(fast) / len(slow) < 2.4


async def test_another_account_sees_nothing_of_it(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """The demo belongs to account A."""
    assert await watch(connect, make(scenario="demo"), 60.0, "other-token") == []


@pytest.mark.parametrize(
    ("name", "end"),
    [("run_success", "SUCCEEDED"), ("run_failure", "FAILED"), ("run_stopped", "STOPPED")],
)
async def test_a_run_goes_through_its_statuses(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames, name: str, end: str
) -> None:
    """As a recorded run does (§6.3); there is no event but the last status that says 'over'."""
    simulator = make()
    messages = await play(connect, frames, name, simulator)
    assert statuses(messages) == ["PENDING", "INITIALIZING", "STARTING", "RUNNING", end]
    types = [each["type"] for each in messages]
    assert types[:2] == ["execution_started", "runtime_session_created"]
    assert types[-2:] == ["runtime_session_ended", "audit_event"]
    last = [each for each in messages if each["type"] == "status_update"][-1]["payload"]
    assert list(last) == [
        "model_output_summary",
        "error_message",
        "failure_category",
        "actions_taken_summary",
        "mcp_usage_logs",
        "result",
        "result_schema_validation",
        "end_time",
        "tool_calls_count",
        "total_tokens",
        "estimated_cost",
        "status",
        "fleet_context",
    ]
    assert [each.status for each in simulator.world.executions.values()] == [end]


async def test_stop_by_a_client_winds_the_run_down(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """The ack comes first, `user_stopped` and STOPPED shortly after, then nothing."""
    simulator = make(scenario="flows")
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        await trio.sleep(5.0)
        [run, *_] = simulator.world.executions.values()
        stop = {"type": "command", "command": "stop", "execution_id": run.id}
        await socket.send_message(json.dumps(stop))
        told: list[Message] = []
        with trio.move_on_after(30.0):
            while True:
                told.append(json.loads(await socket.get_message()))
        told = [each for each in told if each.get("execution_id") == run.id]
        [ack] = [place for place, each in enumerate(told) if each["type"] == "command_ack"]
        assert told[ack]["status"] == "stopped"
        kinds = [each["type"] for each in told[ack + 1 :] if "topic" not in each]
        assert kinds == ["user_stopped", "agent_status", "status_update"]
        assert statuses(told)[-1] == "STOPPED"


async def test_a_message_for_the_agent_shows_in_its_log(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """`send_message` is taken up by a live run."""
    simulator = make(scenario="flows")
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        await trio.sleep(5.0)
        [run, *_] = simulator.world.executions.values()
        await socket.send_message(
            json.dumps(
                {
                    "type": "command",
                    "command": "send_message",
                    "execution_id": run.id,
                    "message": "skip the docs",
                }
            )
        )
        with trio.fail_after(5.0):
            while "Operator says: skip the docs" not in await socket.get_message():
                pass


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("approval_approved", ["approval_created", "approval_approved"]),
        ("approval_declined", ["approval_created", "approval_declined"]),
        ("approval_expired", ["approval_created", "approval_expired"]),
        ("approval_cancelled", ["approval_created", "approval_cancelled"]),
        (
            "approval_escalated",
            [
                "approval_created",
                "approval_vote_received",
                "approval_escalated",
                "approval_approved",
            ],
        ),
    ],
)
async def test_an_approval_ends_as_its_scenario_says(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames, name: str, types: list[str]
) -> None:
    """Times carry no offset; only a decision resolves."""
    messages = await play(connect, frames, name)
    told = [each for each in messages if each["type"].startswith("approval_")]
    assert [each["type"] for each in told] == types
    assert told[0]["status"] == "pending"
    assert told[-1]["status"] == types[-1].removeprefix("approval_")
    assert (told[-1]["resolved_at"] is not None) == (types[-1].endswith(("approved", "declined")))
    for each in told:
        assert not each["timestamp"].endswith("+00:00")
        assert each["expires_at"] > each["requested_at"]


async def test_an_expired_request_was_past_its_deadline(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames
) -> None:
    """Not before `expires_at`."""
    expired = (await play(connect, frames, "approval_expired"))[-2]
    assert expired["type"] == "approval_expired"
    assert expired["timestamp"] >= expired["expires_at"]


async def test_frames_have_the_recorded_keys_in_order(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames
) -> None:
    """Whatever a scenario pushes, its envelope is the server's."""
    texts = await watch(connect, make(scenario="demo"), 120.0)
    messages = [json.loads(text) for text in texts]
    messages += await play(connect, frames, "approval_escalated")
    by_type = {each["type"]: each for each in reversed(messages)}
    found = {kind: " ".join(by_type[kind]) for kind in RECORDED_KEYS}
    found["audit_event"] = " ".join(
        next(m for m in messages if m["type"] == "audit_event" and "flow_id" not in m)
    )
    assert found == RECORDED_KEYS
    assert all(text == json.dumps(json.loads(text)) for text in texts)


async def test_a_burst_arrives_complete_and_in_order(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames
) -> None:
    """300 events at once."""
    messages = await play(connect, frames, "burst")
    assert [each["payload"]["number"] for each in messages] == list(range(300))


async def test_a_scenario_may_play_for_another_account(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames
) -> None:
    """What belongs to B is B's alone."""
    simulator = make()
    async with (
        simulator.in_memory() as dial,
        connect(dial, token="demo-token") as alice,
        connect(dial, token="other-token") as bob,
    ):
        await simulator.run_scenario("burst", ACCOUNT_B)
        assert await frames(alice) == []
        assert len(await frames(bob)) == 300


async def test_an_unknown_scenario_is_refused_with_the_known_ones() -> None:
    """At once, and when asked for later."""
    with pytest.raises(UsageError, match="run_success"):
        Simulator(scenario="nope")
    with pytest.raises(UsageError, match="burst"):
        await Simulator().run_scenario("nope")


def test_the_first_four_scenarios_go_on_the_others_end() -> None:
    """As the table says."""
    assert list(SCENARIOS)[:4] == ["demo", "flows", "approvals", "news"]
