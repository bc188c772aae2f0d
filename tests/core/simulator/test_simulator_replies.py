"""Direct replies, byte for byte (protocol §4, §5)."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
from trio_websocket import WebSocketConnection

from trunkline.simulator import Simulator

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
CloseCode = Callable[[WebSocketConnection], Awaitable[int]]

ALICE = (
    '{"type":"authenticated","user":{"id":"3e6260d8-e77c-40fb-b329-7e82cc384622",'
    '"username":"alice","email":"alice@example.com"}}'
)
NO_TOKEN = '{"type":"auth_error","error":"Token required for authentication"}'
BAD_TOKEN = '{"type":"auth_error","error":"Invalid or expired token"}'

REPLIES = [
    ({"type": "ping"}, '{"type":"pong"}'),
    ({"type": "ping", "more": [1]}, '{"type":"pong"}'),
    ({"type": "authenticate", "token": "demo-token"}, ALICE),
    ({"type": "authenticate", "token": "key-demo"}, ALICE),
    ({"type": "authenticate"}, NO_TOKEN),
    ({"type": "authenticate", "token": ""}, NO_TOKEN),
    ({"type": "authenticate", "token": None}, NO_TOKEN),
    ({"type": "authenticate", "token": "stolen"}, BAD_TOKEN),
    ({"type": "authenticate", "token": ["demo-token"]}, BAD_TOKEN),
    ({"type": "authenticate", "token": "refresh-demo"}, BAD_TOKEN),
    (
        {"type": "subscribe", "topic": "approvals"},
        '{"type":"subscription_ack","topic":"approvals","action":"subscribed",'
        '"topics":["approvals"]}',
    ),
    (
        {"type": "subscribe", "topic": " runners "},
        '{"type":"subscription_ack","topic":" runners ","action":"subscribed","topics":["runners"]}',
    ),
    (
        {"type": "subscribe", "topic": "Approvals"},
        '{"type":"subscription_error","topic":"Approvals","error":"Unsupported topic"}',
    ),
    (
        {"type": "subscribe", "topic": "*"},
        '{"type":"subscription_error","topic":"*","error":"Unsupported topic"}',
    ),
    (
        {"type": "subscribe", "topic": "système"},
        '{"type":"subscription_error","topic":"système","error":"Unsupported topic"}',
    ),
    (
        {"type": "subscribe"},
        '{"type":"subscription_error","topic":null,"error":"Unsupported topic"}',
    ),
    (
        {"type": "subscribe", "topic": {"a": 1}},
        '{"type":"subscription_error","topic":{"a":1},"error":"Unsupported topic"}',
    ),
    (
        {"type": "unsubscribe", "topic": "approvals"},
        '{"type":"subscription_error","topic":"approvals","error":"Subscription not found"}',
    ),
    (
        {"type": "command", "command": "stop", "execution_id": "not-a-uuid"},
        '{"type":"command_error","execution_id":"not-a-uuid","error":"unauthorized"}',
    ),
    (
        {"type": "command"},
        '{"type":"command_error","execution_id":null,"error":"unauthorized"}',
    ),
]


@pytest.mark.parametrize(("message", "reply"), REPLIES)
async def test_reply_has_the_bytes_of_the_real_server(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, message: object, reply: str
) -> None:
    """Each message is answered with exactly the recorded text."""
    async with Simulator().in_memory() as dial, connect(dial) as socket:
        assert isinstance(message, dict)
        assert await ask(socket, **message) == reply


@pytest.mark.parametrize(("token", "authenticated"), [(None, "false"), ("demo-token", "true")])
async def test_handshake_comes_first_and_tells_whether_the_token_was_taken(
    autojump_clock: trio.abc.Clock, connect: Connect, token: str | None, authenticated: str
) -> None:
    """The server speaks first, and names the session."""
    async with (
        Simulator().in_memory() as dial,
        connect(dial, token=token, greeted=False) as socket,
    ):
        greeting = str(await socket.get_message())
        session_id = json.loads(greeting)["session_id"]
        assert greeting == (
            f'{{"type":"handshake","session_id":"{session_id}","authenticated":{authenticated},'
            '"message":"Connected to unified WebSocket"}'
        )


async def test_acks_list_all_topics_sorted(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """`topics` is the whole set after the change; a second subscribe reads the same."""
    async with Simulator().in_memory() as dial, connect(dial) as socket:
        await ask(socket, type="subscribe", topic="flow_executions")
        both = (
            '{"type":"subscription_ack","topic":"approvals","action":"subscribed",'
            '"topics":["approvals","flow_executions"]}'
        )
        assert await ask(socket, type="subscribe", topic="approvals") == both
        assert await ask(socket, type="subscribe", topic="approvals") == both
        await ask(socket, type="unsubscribe", topic="flow_executions")
        assert await ask(socket, type="unsubscribe", topic="approvals") == (
            '{"type":"subscription_ack","topic":"approvals","action":"unsubscribed","topics":[]}'
        )


@pytest.mark.parametrize("text", ["not json", "", '{"type":"bogus"}', "{}", '{"type":7}', "{"])
async def test_ignored_input_gets_no_reply_and_harms_nothing(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, text: str
) -> None:
    """Text that is no message is passed over; the next one is answered."""
    async with Simulator().in_memory() as dial, connect(dial) as socket:
        await socket.send_message(text)
        assert await ask(socket, type="ping") == '{"type":"pong"}'


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        '"x"',
        "1",
        "true",
        "null",
        b'{"type":"ping"}',
        "[" * 100_000,
        '{"type":"subscribe","topic":"\\ud800"}',
        '{"type":"command","execution_id":"\\ud800"}',
        '{"type":"activity","event":"x","timestamp":1.5}',
        '{"type":"activity","event":"x","timestamp":[]}',
        '{"type":"activity","event":"x","timestamp":1' + "0" * 30 + "}",
        '{"type":"activity","event":"page_view","metadata":null}',
        '{"type":"activity","event":"action","metadata":"x"}',
    ],
)
async def test_fatal_input_ends_the_session_with_1000(
    autojump_clock: trio.abc.Clock,
    connect: Connect,
    close_code: CloseCode,
    frame: str | bytes,
) -> None:
    """Every fault of a client looks like a normal end (S1), and hurts nobody else."""
    async with (
        Simulator().in_memory() as dial,
        connect(dial) as socket,
        connect(dial) as bystander,
    ):
        await socket.send_message(frame)
        assert await close_code(socket) == 1000
        await bystander.send_message('{"type":"ping"}')
        assert await bystander.get_message() == '{"type":"pong"}'


async def test_replies_before_a_fatal_input_still_arrive(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode
) -> None:
    """Messages are handled one after the other, so what came first is answered first."""
    async with Simulator().in_memory() as dial, connect(dial) as socket:
        for _ in range(3):
            await socket.send_message('{"type":"ping"}')
        await socket.send_message("[]")
        assert [await socket.get_message() for _ in range(3)] == ['{"type":"pong"}'] * 3
        assert await close_code(socket) == 1000


async def test_many_pings_are_all_answered_in_order(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """There is no rate limit, and the outgoing queue drops no reply."""
    async with Simulator(queue_limit=10).in_memory() as dial, connect(dial) as socket:
        for number in range(1_000):
            await socket.send_message(json.dumps({"type": "subscribe", "topic": number}))
        for number in range(1_000):
            assert json.loads(await socket.get_message())["topic"] == number


async def test_too_long_a_message_ends_with_1009(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode
) -> None:
    """The limit is the real server's unless it is set."""
    simulator = Simulator(max_message_bytes=1_000)
    async with simulator.in_memory() as dial, connect(dial) as socket:
        await socket.send_message("x" * 1_001)
        assert await close_code(socket) == 1009


async def test_refused_tokens_are_refused_and_an_old_user_stays(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """With the database away good tokens are refused too; no message logs out."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial) as socket:
        assert await ask(socket, type="authenticate", token="demo-token") == ALICE
        simulator.refuse_tokens = True
        assert await ask(socket, type="authenticate", token="demo-token") == BAD_TOKEN
        run = simulator.world.add_execution()
        ack = await ask(socket, type="command", command="stop", execution_id=run.id)
        assert json.loads(ack)["status"] == "stopped"


async def test_what_clients_send_is_on_record(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """Tests see each frame with the number of its socket."""
    simulator = Simulator()
    async with (
        simulator.in_memory() as dial,
        connect(dial) as first,
        connect(dial) as second,
    ):
        assert simulator.socket_count == 2
        await ask(second, type="ping")
        await first.send_message("no json")
        await trio.testing.wait_all_tasks_blocked()
        assert [(each.socket, each.frame) for each in simulator.received] == [
            (2, '{"type": "ping"}'),
            (1, "no json"),
        ]
