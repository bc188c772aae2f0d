"""What only real sockets show; all on 127.0.0.1, at ports that the system chose."""

import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest
import trio
from trio_websocket import WebSocketConnection

from trunkline.simulator import ALICE, Dial, Simulator

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
CloseCode = Callable[[WebSocketConnection], Awaitable[int]]
OverTcp = Callable[[str], Dial]

REQUEST = (
    b"GET /api/v1/ws/unified HTTP/1.1\r\nHost: simulator\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def port_of(url: str) -> int:
    """Return the port in a URL."""
    return int(url.split(":")[2].split("/")[0])


async def test_over_loopback_a_socket_is_greeted_authenticated_and_closed(
    connect: Connect, close_code: CloseCode, over_tcp: OverTcp
) -> None:
    """The same server on a real socket, at a port that the system chose."""
    simulator = Simulator()
    with trio.fail_after(10.0):
        async with simulator.listen() as url:
            assert url.startswith("ws://127.0.0.1:")
            async with connect(over_tcp(url), token="demo-token") as websocket:
                simulator.push({"type": "x"}, ALICE.account_id)
                assert json.loads(await websocket.get_message())["account_id"] == ALICE.account_id
                simulator.close_all(1012)
                assert await close_code(websocket) == 1012


async def test_over_loopback_our_last_words_survive_unread_bytes() -> None:
    """A Close frame is not reset away by what the peer was still sending."""
    simulator = Simulator(max_message_bytes=100_000)
    size = 3_000_000
    with trio.fail_after(10.0):
        async with (
            simulator.listen() as url,
            await trio.open_tcp_stream("127.0.0.1", port_of(url)) as stream,
        ):
            await stream.send_all(REQUEST)
            assert b"101" in await stream.receive_some()
            await stream.send_all(b"\x81\xff" + size.to_bytes(8, "big") + bytes(4 + size))
            await trio.sleep(0.05)
            said = b""
            while data := await stream.receive_some():
                said += data
            assert b"Exceeded maximum message size" in said


async def test_over_loopback_a_restart_refuses_and_comes_back_at_the_same_port(
    connect: Connect, ask: Ask, close_code: CloseCode, over_tcp: OverTcp
) -> None:
    """1012, then connection refused, then as before."""
    simulator = Simulator()
    with trio.fail_after(10.0):
        async with simulator.listen() as url:
            dial = over_tcp(url)
            async with connect(dial) as websocket:
                simulator.restart(0.3)
                assert await close_code(websocket) == 1012
            with pytest.raises(OSError, match="all attempts to connect"):
                await dial(None, lambda _phase: None)
            await trio.sleep(0.4)
            async with connect(dial) as websocket:
                assert await ask(websocket, type="ping") == '{"type":"pong"}'


async def test_over_loopback_a_taken_port_is_an_error_of_its_own() -> None:
    """Not a group of one."""
    with trio.fail_after(10.0):
        async with Simulator().listen() as url:
            port = port_of(url)
            with pytest.raises(OSError, match="in use"):
                async with Simulator().listen(port=port):
                    pass


def has_ipv6() -> bool:
    """Tell whether this machine has `::1`."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback")
async def test_over_loopback_ipv6_is_loopback_too() -> None:
    """The address stands in brackets."""
    with trio.fail_after(10.0):
        async with Simulator().listen("::1") as url:
            assert url.startswith("ws://[::1]:")
