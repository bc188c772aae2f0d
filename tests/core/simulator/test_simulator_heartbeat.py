"""The server's heartbeat, in both layers (protocol §12)."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from trunkline.simulator import Fault, Faulty, Plan, Simulator

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
CloseCode = Callable[[WebSocketConnection], Awaitable[int]]


async def test_silence_is_asked_after_60_seconds_and_ended_at_70(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode
) -> None:
    """No answer within 10 s ends the session with 1000."""
    async with Simulator().in_memory() as dial, connect(dial) as socket:
        start = trio.current_time()
        assert await socket.get_message() == '{"type":"ping"}'
        assert trio.current_time() - start == pytest.approx(60.0)
        assert await close_code(socket) == 1000
        assert trio.current_time() - start == pytest.approx(70.0)


async def test_a_pong_in_time_starts_the_wait_anew(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """Each answered ping buys another 60 s."""
    async with Simulator().in_memory() as dial, connect(dial) as socket:
        for _ in range(3):
            assert await socket.get_message() == '{"type":"ping"}'
            await trio.sleep(9.0)
            await socket.send_message('{"type":"pong"}')


@pytest.mark.parametrize(
    "frame",
    ['{"type":"ping"}', '{"type":"activity","event":"x"}', "no json", "[]", b"pong"],
)
async def test_anything_but_a_pong_after_a_ping_ends_the_session(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode, frame: str | bytes
) -> None:
    """The very next frame must be the pong; a pong right behind it is too late (S3)."""
    async with Simulator().in_memory() as dial, connect(dial) as socket:
        assert await socket.get_message() == '{"type":"ping"}'
        asked = trio.current_time()
        await socket.send_message(frame)
        await socket.send_message('{"type":"pong"}')
        assert await close_code(socket) == 1000
        assert trio.current_time() == asked


@pytest.mark.parametrize("text", ['{"type":"pong"}', "no json"])
async def test_a_frame_every_30_seconds_is_never_asked(
    autojump_clock: trio.abc.Clock, connect: Connect, text: str
) -> None:
    """Anything that arrives resets the timer, even what is ignored."""
    async with Simulator().in_memory() as dial, connect(dial) as socket:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_say_every, 30.0, socket, text)
            with trio.move_on_after(300.0) as limit:
                await socket.get_message()
            nursery.cancel_scope.cancel()
        assert limit.cancelled_caught


async def _say_every(interval: float, socket: WebSocketConnection, text: str) -> None:
    while True:
        await trio.sleep(interval)
        await socket.send_message(text)


async def test_heartbeat_times_can_be_set(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode
) -> None:
    """Tests that play on a real clock want shorter ones."""
    simulator = Simulator(idle_timeout=2.0, pong_timeout=1.0)
    async with simulator.in_memory() as dial, connect(dial) as socket:
        start = trio.current_time()
        assert await close_code(socket) == 1000
        assert trio.current_time() - start == pytest.approx(3.0)


async def test_a_peer_without_pongs_is_given_up_after_40_seconds(
    autojump_clock: trio.abc.Clock,
) -> None:
    """WebSocket pings go out every 20 s and are waited for as long."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, trio.open_nursery() as nursery:
        mute = Plan((Fault(kind="half_open", direction="out", at=1.0),))
        stream = Faulty(await dial(None, lambda _phase: None), mute)
        socket = await wrap_client_stream(
            nursery,
            stream,  # type: ignore[arg-type] # any stream will do
            "simulator",
            "/api/v1/ws/unified",
        )
        await socket.get_message()
        start = trio.current_time()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1011
        assert closed.value.reason.reason == "keepalive ping timeout"
        assert trio.current_time() - start == pytest.approx(40.0)
        nursery.cancel_scope.cancel()


async def test_a_ping_goes_unanswered_where_ordered(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """A wedged server: everything else goes on."""
    simulator = Simulator()
    simulator.answers_pings = False
    async with simulator.in_memory() as dial, connect(dial) as socket:
        await socket.send_message('{"type":"ping"}')
        assert "subscription_ack" in await ask(socket, type="subscribe", topic="audit")


async def test_without_keepalive_a_dead_peer_is_asked_by_message_alone(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode
) -> None:
    """`keepalive=None` leaves the WebSocket's pings out."""
    simulator = Simulator(keepalive=None)
    async with simulator.in_memory() as dial, connect(dial) as socket:
        start = trio.current_time()
        assert await close_code(socket) == 1000
        assert trio.current_time() - start == pytest.approx(70.0)
