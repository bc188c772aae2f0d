"""Who gets which pushed event (protocol §7), and the bytes of it (§1, §6)."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio
from trio_websocket import WebSocketConnection

from trunkline.simulator import ACCOUNT_A, ACCOUNT_B, ALICE, BOB, CAROL, Simulator, User
from trunkline.simulator.topics import reaches, topic_of

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
Frames = Callable[[WebSocketConnection], Awaitable[list[str]]]

RUN = {"account_id": ACCOUNT_A, "type": "status_update", "execution_id": "x"}
APPROVAL = {"account_id": ACCOUNT_A, "type": "approval_created"}
AGENT_STATUS = {"account_id": ACCOUNT_A, "type": "agent_status"}
RUNNER_LINE = {"type": "agent_log_line", "payload": {"line": "of a private runner"}}
BLIND = User("id", "blind", ACCOUNT_A, may_view_approvals=False)


@pytest.mark.parametrize(
    ("message", "topic"),
    [
        ({"topic": " audit ", "type": "status_update"}, "audit"),
        ({"topic": "nope", "type": "status_update"}, "flow_executions"),
        ({"topic": 7, "type": "approval_anything"}, "approvals"),
        ({"type": "runner_updated"}, "runners"),
        ({"type": "activity_update"}, "activity"),
        ({"type": "token_usage_update"}, "flow_executions"),
        ({"type": "agent_status"}, None),
        ({"type": "audit_event"}, None),
        ({"type": "runtime_session_created"}, None),
        ({"type": "managed_agent_updated"}, None),
        ({"type": "budget_health_updated"}, None),
        ({}, None),
    ],
)
def test_topic_of_a_message_is_the_servers(message: dict[str, Any], topic: str | None) -> None:
    """An explicit topic of the thirteen, else by type, else none."""
    assert topic_of(message) == topic


PRESENCE = {"topic": "presence", "payload": {"user_id": ALICE.id}}


@pytest.mark.parametrize(
    ("message", "user", "topics", "arrives"),
    [
        (RUN, ALICE, (), True),
        (RUN, BOB, (), False),
        (RUN, None, (), False),
        (RUN, ALICE, ("approvals",), False),
        (RUN, ALICE, ("approvals", "flow_executions"), True),
        (AGENT_STATUS, ALICE, ("approvals",), True),
        (RUNNER_LINE, None, (), True),
        (RUNNER_LINE, BOB, (), True),
        (RUNNER_LINE, BOB, ("approvals",), False),
        (APPROVAL, ALICE, (), True),
        (APPROVAL, CAROL, (), True),
        (APPROVAL, BLIND, ("approvals",), False),
        ({"type": "approval_created"}, None, (), False),
        ({"type": "approval_created", "account_id": None}, BOB, (), True),
        (PRESENCE, ALICE, (), True),
        (PRESENCE, BOB, (), True),
        (PRESENCE, CAROL, (), False),
        ({"topic": "presence", "payload": {"user_id": CAROL.id}}, CAROL, (), True),
        ({"topic": "presence", "user_id": ALICE.id}, None, (), False),
        ({"topic": "presence", "payload": {}}, None, (), True),
    ],
)
def test_filter_asks_account_then_permission_then_topics(
    message: dict[str, Any], user: User | None, topics: tuple[str, ...], *, arrives: bool
) -> None:
    """Without an account a message goes to all; without a topic, past every subscription."""
    assert reaches(message, user, topics) is arrives


async def test_first_subscription_turns_the_filter_on_and_the_last_one_off(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, frames: Frames
) -> None:
    """`subscribe` only narrows; taking the last topic back brings everything."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        simulator.push(RUN)
        assert len(await frames(socket)) == 1
        await ask(socket, type="subscribe", topic="audit")
        simulator.push(RUN)
        simulator.push({"topic": "audit", "type": "audit_event"}, ACCOUNT_A)
        assert len(await frames(socket)) == 1
        await ask(socket, type="unsubscribe", topic="audit")
        simulator.push(RUN)
        assert len(await frames(socket)) == 1


async def test_subscriptions_made_before_authentication_survive_it(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, frames: Frames
) -> None:
    """An anonymous socket may narrow; the user only adds an account."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial) as socket:
        await ask(socket, type="subscribe", topic="approvals")
        simulator.push(APPROVAL)
        await ask(socket, type="authenticate", token="demo-token")
        simulator.push(RUN)
        simulator.push(APPROVAL)
        assert len(await frames(socket)) == 1


async def test_events_follow_the_newest_user_of_a_socket(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, frames: Frames
) -> None:
    """After authenticating again, the old account's events stop."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        await ask(socket, type="authenticate", token="other-token")
        simulator.push(RUN)
        simulator.push(RUN, ACCOUNT_B)
        assert [ACCOUNT_B in frame for frame in await frames(socket)] == [True]


async def test_pushed_bytes_have_spaces_ascii_escapes_and_the_given_order(
    autojump_clock: trio.abc.Clock, connect: Connect, frames: Frames
) -> None:
    """Events are written by another hand than replies."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial) as socket:
        simulator.push({"type": "x", "a": [1, {"b": "✓"}]})
        assert await frames(socket) == ['{"type": "x", "a": [1, {"b": "\\u2713"}]}']


async def test_a_dead_bus_keeps_heartbeats_and_loses_events(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, frames: Frames
) -> None:
    """Replies go on, events are gone for good."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial, token="demo-token") as socket:
        simulator.world.bus_is_up = False
        simulator.push(RUN)
        await socket.send_message('{"type":"activity","event":"x"}')
        assert await ask(socket, type="ping") == '{"type":"pong"}'
        assert len(simulator.world.activity) == 1
        simulator.world.bus_is_up = True
        simulator.push(AGENT_STATUS)
        assert len(await frames(socket)) == 1


async def test_a_broadcast_may_precede_a_slow_greeting(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """The socket is on the bus before the handshake is out."""
    simulator = Simulator(handshake_delay=1.0)
    async with simulator.in_memory() as dial, connect(dial, greeted=False) as socket:
        await trio.sleep(0.5)
        simulator.push({"type": "early"})
        assert await socket.get_message() == '{"type": "early"}'
        assert "handshake" in str(await socket.get_message())
