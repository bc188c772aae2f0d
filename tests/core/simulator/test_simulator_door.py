"""Getting in: upgrade, tokens, limits, and peers that mean no good (V1 to V5, S20)."""

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Never

import pytest
import trio
import trio.testing
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
)

from trunkline.errors import UsageError
from trunkline.simulator import Dial, Refusal, Simulator, User

Connect = Callable[..., AbstractAsyncContextManager[WebSocketConnection]]
Ask = Callable[..., Awaitable[str]]
CloseCode = Callable[[WebSocketConnection], Awaitable[int]]

PATH = "/api/v1/ws/unified"
REQUEST = (
    b"GET /api/v1/ws/unified HTTP/1.1\r\nHost: simulator\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


async def dial_raw(dial: Dial) -> trio.abc.Stream:
    """Open a stream without saying a word."""
    return await dial(None, lambda _phase: None)


async def read_all(stream: trio.abc.Stream) -> bytes:
    """Read to the end."""
    found = b""
    while data := await stream.receive_some():
        found += data
    return found


async def works(dial: Dial, connect: Connect, ask: Ask) -> bool:
    """Tell whether the simulator still serves."""
    async with connect(dial) as socket:
        return await ask(socket, type="ping") == '{"type":"pong"}'


@pytest.mark.parametrize(
    ("target", "headers", "authenticated"),
    [
        (PATH, [(b"Authorization", b"Bearer demo-token")], True),
        (PATH, [(b"Authorization", b"bearer demo-token")], False),
        (PATH, [(b"Authorization", b"Bearer key-demo")], False),
        (PATH, [(b"Authorization", b"Bearer refresh-demo")], True),
        (PATH, [(b"Authorization", b"Bearer stolen")], False),
        (f"{PATH}?token=demo-token", [], True),
        (f"{PATH}?token=demo%2Dtoken", [], False),
        (f"{PATH}?token=stolen&visitor_id=v&token=demo-token", [], True),
        (f"{PATH}?token=demo-token", [(b"Authorization", b"Bearer stolen")], False),
        (f"{PATH}?fingerprint={'f' * 128}&visitor_id=v", [], False),
    ],
)
async def test_token_of_the_upgrade_is_taken_or_passed_over(
    autojump_clock: trio.abc.Clock,
    connect: Connect,
    target: str,
    headers: list[tuple[bytes, bytes]],
    *,
    authenticated: bool,
) -> None:
    """A bad token is no error: the handshake alone tells (protocol §2)."""
    async with (
        Simulator().in_memory() as dial,
        connect(dial, target=target, headers=headers, greeted=False) as socket,
    ):
        assert json.loads(await socket.get_message())["authenticated"] is authenticated


@pytest.mark.parametrize("target", ["/", f"{PATH}/", "/api/v1/ws", f"/x{PATH}?token=demo-token"])
async def test_wrong_path_is_refused_with_403(
    autojump_clock: trio.abc.Clock, connect: Connect, target: str
) -> None:
    """The path is exact."""
    async with Simulator().in_memory() as dial:
        with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True) as refused:
            async with connect(dial, target=target):
                pass
        [error] = refused.value.exceptions
        assert isinstance(error, ConnectionRejected)
        assert error.status_code == 403


async def test_refusal_is_answered_with_status_and_retry_after_until_lifted(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """Everybody gets the HTTP answer that was ordered."""
    simulator = Simulator()
    async with simulator.in_memory() as dial:
        simulator.refusal = Refusal(503, retry_after=7.0)
        with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True) as refused:
            async with connect(dial):
                pass
        [error] = refused.value.exceptions
        assert isinstance(error, ConnectionRejected)
        assert error.status_code == 503
        assert (b"retry-after", b"7") in (error.headers or ())
        assert simulator.statistics().rejected == 1
        simulator.refusal = None
        assert await works(dial, connect, ask)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (f"{PATH}?fingerprint={'f' * 129}", []),
        (f"{PATH}?fingerprint=a%00b", []),
        (PATH, [(b"User-Agent", b"u" * 513)]),
        (PATH, [(b"X-Forwarded-For", b"a" * 46 + b", 10.0.0.1")]),
        (PATH, [(b"X-Real-IP", b"a" * 46)]),
    ],
)
async def test_what_the_session_row_cannot_hold_ends_the_socket_unexplained(
    autojump_clock: trio.abc.Clock,
    connect: Connect,
    close_code: CloseCode,
    target: str,
    headers: list[tuple[bytes, bytes]],
) -> None:
    """The upgrade succeeds, then nothing: no greeting, no Close frame."""
    async with (
        Simulator().in_memory() as dial,
        connect(dial, target=target, headers=headers, greeted=False) as socket,
    ):
        assert await close_code(socket) == 1006


async def test_v01_a_host_that_is_no_text_harms_nobody_else(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """The library raises in its reader; the border of the connection holds it."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial) as bystander:
        stream = await dial_raw(dial)
        await stream.send_all(REQUEST.replace(b"Host: simulator", b"Host: \xff\xfe") + b"\r\n")
        await read_all(stream)
        assert simulator.statistics().failed == 1
        assert await ask(bystander, type="ping") == '{"type":"pong"}'
        assert await works(dial, connect, ask)


class Trap(dict[str, User]):
    """Users of which one cannot be looked up."""

    def get(self, key: str, default: object = None) -> Never:
        raise RuntimeError("the database exploded")


async def test_v02_an_exception_in_a_handler_ends_its_own_socket_with_1011(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, close_code: CloseCode
) -> None:
    """It is counted, and the others go on."""
    simulator = Simulator(users=Trap())
    async with (
        simulator.in_memory() as dial,
        connect(dial) as socket,
        connect(dial) as bystander,
    ):
        await socket.send_message('{"type":"authenticate","token":"x"}')
        assert await close_code(socket) == 1011
        assert simulator.statistics().failed == 1
        assert await ask(bystander, type="ping") == '{"type":"pong"}'


async def test_v03_a_rejected_peer_that_stays_is_closed_after_a_second(
    autojump_clock: trio.abc.Clock,
) -> None:
    """TCP does not stay open as long as the client likes."""
    async with Simulator().in_memory() as dial:
        stream = await dial_raw(dial)
        await stream.send_all(REQUEST.replace(b"/unified", b"/nowhere") + b"\r\n")
        start = trio.current_time()
        answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 403")
        assert trio.current_time() - start == pytest.approx(1.0)


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /api/v1/ws/unified HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"GET /api/v1/ws/unified HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GARBAGE\r\n\r\n",
    ],
)
async def test_v04_what_is_no_upgrade_is_answered_with_400(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask, head: bytes
) -> None:
    """TLS bytes, POST, a missing upgrade."""
    async with Simulator().in_memory() as dial:
        stream = await dial_raw(dial)
        await stream.send_all(head)
        assert (await read_all(stream)).startswith(b"HTTP/1.1 400")
        assert await works(dial, connect, ask)


@pytest.mark.parametrize("head", [b"", REQUEST])
async def test_v04_half_a_header_is_dropped(autojump_clock: trio.abc.Clock, head: bytes) -> None:
    """A peer that does not finish its request is not waited for."""
    async with Simulator().in_memory() as dial:
        stream = await dial_raw(dial)
        if head:
            await stream.send_all(head)
        start = trio.current_time()
        assert await read_all(stream) == b""
        assert trio.current_time() - start <= 7.0


async def test_v04_the_hundred_and_first_connection_is_closed_at_once(
    autojump_clock: trio.abc.Clock, connect: Connect, ask: Ask
) -> None:
    """And a place is free again as soon as one leaves."""
    simulator = Simulator()
    async with simulator.in_memory() as dial:
        streams = [await dial_raw(dial) for _ in range(100)]
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        assert await read_all(await dial_raw(dial)) == b""
        assert trio.current_time() == start
        assert simulator.statistics().rejected == 1
        await trio.aclose_forcefully(streams[0])
        await trio.sleep(10.0)
        assert await works(dial, connect, ask)


async def test_a_peer_that_never_closes_is_closed(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """A Close frame that is not answered is waited for no longer than two seconds."""
    simulator = Simulator()
    async with simulator.in_memory() as dial:
        stream = await dial_raw(dial)
        await stream.send_all(REQUEST + b"\r\n")
        await trio.sleep(0.1)
        start = trio.current_time()
        simulator.close_all(1012)
        await read_all(stream)
        assert trio.current_time() - start <= 2.0
        await trio.testing.wait_all_tasks_blocked()
        assert simulator.socket_count == 0


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013, 4401, None])
async def test_close_all_ends_every_socket_with_the_code_or_without(
    autojump_clock: trio.abc.Clock, connect: Connect, close_code: CloseCode, code: int | None
) -> None:
    """None is the end of a killed process: no Close frame."""
    simulator = Simulator()
    async with (
        simulator.in_memory() as dial,
        connect(dial) as first,
        connect(dial) as second,
    ):
        simulator.close_all(code)
        assert await close_code(first) == (code or 1006)
        assert await close_code(second) == (code or 1006)
        await trio.testing.wait_all_tasks_blocked()
        assert simulator.socket_count == 0


async def test_what_was_pushed_before_a_close_still_arrives(
    autojump_clock: trio.abc.Clock, connect: Connect
) -> None:
    """The Close frame stands behind what is queued."""
    simulator = Simulator()
    async with simulator.in_memory() as dial, connect(dial) as socket:
        for number in range(500):
            simulator.push({"type": "numbered", "number": number})
        simulator.close_all(1012)
        for number in range(500):
            assert json.loads(await socket.get_message())["number"] == number
        with pytest.raises(ConnectionClosed):
            await socket.get_message()


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::"])
async def test_s20_an_address_that_others_reach_is_refused(address: str) -> None:
    """Nothing limits who connects, so nobody else may."""
    with pytest.raises(UsageError, match="loopback"):
        async with Simulator().listen(address):
            pass
