"""What goes wrong with a simulator by itself, and that one socket's trouble stays its own."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection

from trunkline.errors import TransportError
from trunkline.simulator import Fault, Faults, Plan, Simulator
from trunkline.simulator.faults import MALFORMED
from trunkline.simulator.wire import Fatal, decode

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
CloseCode = Callable[[WebSocketConnection], Awaitable[int]]
Frames = Callable[[WebSocketConnection], Awaitable[list[str]]]


async def test_drop_every_ends_all_sockets_without_a_close_frame(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode
) -> None:
    """Again and again."""
    simulator = Simulator(faults=Faults(drop_every=10.0))
    async with simulator.in_memory() as dial:
        start = trio.current_time()
        for lost in (10.0, 20.0, 30.0):
            async with connect(dial) as socket:
                assert await close_code(socket) == 1006
                assert trio.current_time() - start == pytest.approx(lost)


async def test_restart_every_closes_with_1012_and_refuses_for_a_while(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, close_code: CloseCode
) -> None:
    """In memory the refusal is the error of a dialler."""
    simulator = Simulator(faults=Faults(restart_every=10.0, restart_time=3.0))
    async with simulator.in_memory() as dial:
        async with connect(dial) as socket:
            assert await close_code(socket) == 1012
        with pytest.raises(TransportError, match="refused"):
            await dial(None, lambda _phase: None)
        await trio.sleep(3.0)
        async with connect(dial) as socket:
            assert await ask(socket, type="ping") == '{"type":"pong"}'


async def test_malformed_every_sends_what_is_no_message(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """Between frames that are good."""
    simulator = Simulator(faults=Faults(malformed_every=5.0))
    async with simulator.in_memory() as dial, connect(dial) as socket:
        found = {str(await socket.get_message()) for _ in range(8)}
        assert found <= set(MALFORMED)
        assert len(found) > 1


@pytest.mark.parametrize("text", MALFORMED)
def test_malformed_frames_are_no_messages(text: str) -> None:
    """No JSON, no object, or no type that is text."""
    try:
        message = decode(text)
    except Fatal:
        return
    assert message is None or not isinstance(message.get("type"), str)


async def test_half_open_lets_the_client_talk_to_nobody(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """What the server sends is lost; what it gets still counts."""
    simulator = Simulator(faults=Faults(half_open_after=5.0))
    async with simulator.in_memory() as dial, connect(dial) as socket:
        await trio.sleep(6.0)
        await socket.send_message('{"type":"ping"}')
        with trio.move_on_after(10.0) as limit:
            await socket.get_message()
        assert limit.cancelled_caught
        assert len(simulator.received) == 1


async def test_slow_delays_every_piece_both_ways(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """A ping takes twice the delay."""
    simulator = Simulator(faults=Faults(slow=0.4))
    async with simulator.in_memory() as dial, connect(dial) as socket:
        start = trio.current_time()
        await ask(socket, type="ping")
        assert trio.current_time() - start == pytest.approx(0.8)


async def test_refuse_tokens_from_the_start(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """And lifted by hand."""
    simulator = Simulator(faults=Faults(refuse_tokens=True))
    async with simulator.in_memory() as dial, connect(dial) as socket:
        assert "auth_error" in await ask(socket, type="authenticate", token="demo-token")
        simulator.refuse_tokens = False
        assert "authenticated" in await ask(socket, type="authenticate", token="demo-token")


async def test_v06_a_plan_is_laid_over_each_accepted_stream(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode
) -> None:
    """`--fault` of the command line."""
    simulator = Simulator(faults=Faults(plan=Plan.parse("cut@30s")))
    async with simulator.in_memory() as dial:
        for _ in range(2):
            start = trio.current_time()
            async with connect(dial) as socket:
                assert await close_code(socket) == 1006
                assert trio.current_time() - start == pytest.approx(30.0)


async def test_a_full_queue_drops_its_socket_and_no_other(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode, frames: Frames
) -> None:
    """The original holds up everybody (S4); here the one that does not read is dropped."""
    stalled_after_greeting = Plan((Fault(kind="stall", direction="out", at=1.0),))
    simulator = Simulator(queue_limit=50, faults=Faults(plan=stalled_after_greeting))
    async with simulator.in_memory() as dial, connect(dial) as slow:
        await trio.sleep(2.0)
        async with connect(dial) as quick:
            for number in range(60):
                simulator.push({"type": "numbered", "number": number})
                await trio.testing.wait_all_tasks_blocked()
            assert await close_code(slow) == 1006
            assert simulator.statistics().dropped_slow == 1
            numbers = [json.loads(frame)["number"] for frame in await frames(quick)]
            assert numbers == list(range(60))
            assert simulator.socket_count == 1


async def test_a_socket_closed_by_its_client_leaves_nothing_behind(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """Politely or not."""
    simulator = Simulator()
    async with simulator.in_memory() as dial:
        async with connect(dial) as socket:
            await socket.aclose()
            with pytest.raises(ConnectionClosed):
                await socket.get_message()
        async with connect(dial):
            pass
        await trio.testing.wait_all_tasks_blocked()
        assert simulator.socket_count == 0
        assert simulator.statistics().failed == 0


async def test_an_error_of_the_callers_leaves_as_itself(autojump_clock: trio.abc.Clock) -> None:
    """The simulator wraps nobody's exception in a group."""
    with pytest.raises(LookupError, match="mine"):
        async with Simulator().in_memory():
            raise LookupError("mine")


async def test_the_first_cause_of_an_end_wins(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode
) -> None:
    """What is closed or pushed afterwards changes nothing."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial) as socket:
        simulator.close_all(1012)
        simulator.close_all(1000)
        simulator.push({"type": "late"})
        assert await close_code(socket) == 1012
