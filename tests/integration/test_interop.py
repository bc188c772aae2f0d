"""Our client against a server by other hands: the `websockets` package, in a thread of its own.

The simulator shares a library with the client; what both get wrong together shows only here.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from foreign_peer import LIMIT, WAIT, Peer
from websockets.asyncio.server import ServerConnection

from trunkline.config import parse_url
from trunkline.errors import TransportError
from trunkline.transport.dialler import Dialler
from trunkline.transport.transport import Transport, open_transport

LARGE = 16 * 1024 * 1024  # bytes
REASON = "maintenance, naturellement: à bientôt"


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    server = Peer()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=[True, False], ids=["lane", "library"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Whether whole text frames go past the library; what comes out must be the same."""
    return bool(request.param)


@asynccontextmanager
async def opened(
    url: str, *, fast_lane: bool, max_message_bytes: int = LIMIT, **options: Any
) -> AsyncIterator[Transport]:
    """Open a real socket for the scope; the whole scope is under a limit."""
    with trio.fail_after(WAIT):
        async with open_transport(
            parse_url(url),
            dial=Dialler(),
            max_message_bytes=max_message_bytes,
            connect_timeout=WAIT,
            fast_lane=fast_lane,
            on_phase=lambda _: None,
            **options,
        ) as transport:
            yield transport


async def told(outcome: Future[Any]) -> Any:
    """Return what a script found; what it raised fails the test."""
    with trio.fail_after(WAIT):
        return await trio.to_thread.run_sync(outcome.result, WAIT)


async def messages(transport: Transport, wanted: int) -> list[str]:
    """Return the next messages, however they come in batches."""
    found: list[str] = []
    while len(found) < wanted:
        found += [payload.decode() for payload in await transport.receive()]
    return found


async def end_of(transport: Transport) -> TransportError:
    """Return why the socket ended."""
    with pytest.raises(TransportError) as caught:
        await messages(transport, 1)
    return caught.value


async def test_path_and_headers_arrive(peer: Peer, *, fast_lane: bool) -> None:
    """The target as it was encoded, each header, and no subprotocol that nobody asked for."""

    async def look(socket: ServerConnection) -> Any:
        assert socket.request is not None
        return socket.request.path, socket.request.headers, socket.subprotocol

    url, outcome = peer.plays(look, "/%C3%BCber/a%2Fb/")
    headers = [("Authorization", "Bearer abc"), ("X-Two", "1"), ("X-Two", "2")]
    async with opened(url, fast_lane=fast_lane, headers=headers):
        path, seen, subprotocol = await told(outcome)

    assert path.startswith("/%C3%BCber/a%2Fb/?number=")
    assert f"ws://{seen['Host']}" == peer.url
    assert seen["Authorization"] == "Bearer abc"
    assert seen.get_all("X-Two") == ["1", "2"]
    assert subprotocol is None


async def test_a_refused_upgrade_is_a_rejection_with_its_status(
    peer: Peer, *, fast_lane: bool
) -> None:
    """403, whatever its body says."""
    with pytest.raises(TransportError) as caught:
        async with opened(f"{peer.url}/forbidden", fast_lane=fast_lane):
            pass

    assert (caught.value.kind, caught.value.status) == ("rejected", 403)


async def test_a_ping_of_the_protocol_is_answered(peer: Peer, *, fast_lane: bool) -> None:
    """Between messages and between the fragments of one; with its own bytes, or no waiter ends."""

    async def ping(socket: ServerConnection) -> None:
        await asyncio.wait_for(await socket.ping(b"between messages"), WAIT)

        async def fragments() -> AsyncIterator[str]:
            yield "before, "
            await asyncio.wait_for(await socket.ping(), WAIT)
            yield "after"

        await socket.send(fragments())

    url, outcome = peer.plays(ping)
    async with opened(url, fast_lane=fast_lane) as transport:
        assert await messages(transport, 1) == ["before, after"]
        await told(outcome)


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4400])
async def test_a_close_is_told_with_code_and_reason(
    peer: Peer, code: int, *, fast_lane: bool
) -> None:
    """After what came before it; and the server gets its own code back, without waiting."""

    async def leave(socket: ServerConnection) -> Any:
        await socket.send("the last word")
        await socket.close(code, REASON)
        assert socket.protocol.close_rcvd is not None
        return socket.protocol.close_rcvd.code

    url, outcome = peer.plays(leave)
    async with opened(url, fast_lane=fast_lane) as transport:
        assert await messages(transport, 1) == ["the last word"]
        error = await end_of(transport)

    assert await told(outcome) == code
    assert (error.kind, error.code, error.reason, error.ours) == ("closed", code, REASON, False)


@pytest.mark.parametrize("by_force", [True, False], ids=["reset", "end of file"])
async def test_an_end_without_a_close_frame_has_no_code(
    peer: Peer, *, by_force: bool, fast_lane: bool
) -> None:
    """1006 is never on the wire, so nobody is told that the server said it."""

    async def vanish(socket: ServerConnection) -> None:
        await asyncio.wait_for(socket.recv(), WAIT)
        (socket.transport.abort if by_force else socket.transport.close)()

    url, outcome = peer.plays(vanish)
    async with opened(url, fast_lane=fast_lane) as transport:
        await transport.send("go")
        error = await end_of(transport)
        await told(outcome)

    assert (error.kind, error.code) == ("closed", None)


async def test_our_own_close_is_1000_at_the_server(peer: Peer, *, fast_lane: bool) -> None:
    """And the handshake is whole: the server does not take it for a loss."""

    async def listen(socket: ServerConnection) -> Any:
        await socket.wait_closed()
        return socket.close_code, socket.close_reason

    url, outcome = peer.plays(listen)
    async with opened(url, fast_lane=fast_lane):
        pass

    assert await told(outcome) == (1000, "")


async def test_fragments_are_one_message(peer: Peer, *, fast_lane: bool) -> None:
    """Also where a character is split between them, and next to whole messages."""
    text = "añ€𐍈" * 20

    async def send(socket: ServerConnection) -> None:
        await socket.send("whole")
        await socket.send(list(text))
        await socket.send([bytes([byte]) for byte in text.encode()], text=True)
        await socket.send(["", "a", "", "b", ""])
        await socket.send("whole again")

    url, outcome = peer.plays(send)
    async with opened(url, fast_lane=fast_lane) as transport:
        assert await messages(transport, 5) == ["whole", text, text, "ab", "whole again"]
        await told(outcome)


@pytest.mark.parametrize("pieces", [1, 3], ids=["whole", "fragments"])
@pytest.mark.parametrize("char", ["x", pytest.param("ü", id="two bytes")])
async def test_a_message_of_the_largest_size_is_taken_and_one_byte_more_refused(
    peer: Peer, char: str, pieces: int, *, fast_lane: bool
) -> None:
    """The refusal is 1009 on the wire, and it is ours."""
    largest = char * (LIMIT // len(char.encode()))

    async def send(socket: ServerConnection) -> Any:
        for text in (largest, largest + "."):
            step = -(-len(text) // pieces)
            parts = [text[n : n + step] for n in range(0, len(text), step)]
            await socket.send(parts if pieces > 1 else text)
        await socket.wait_closed()
        return socket.close_code

    url, outcome = peer.plays(send)
    async with opened(url, fast_lane=fast_lane) as transport:
        assert await messages(transport, 1) == [largest]
        error = await end_of(transport)

    assert (error.kind, error.code, error.ours) == ("limit", 1009, True)
    assert await told(outcome) == 1009


async def test_a_message_of_16_mib_goes_both_ways(peer: Peer, *, fast_lane: bool) -> None:
    """With the limit raised to just that; the inbox has less room and takes it all the same."""
    text = "x" * LARGE

    async def echo(socket: ServerConnection) -> None:
        await socket.send(await socket.recv())

    url, outcome = peer.plays(echo)
    async with opened(url, fast_lane=fast_lane, max_message_bytes=LARGE) as transport:
        await transport.send(text)
        [back] = await messages(transport, 1)
        await told(outcome)

    assert back == text


async def test_compression_is_not_negotiated(peer: Peer, *, fast_lane: bool) -> None:
    """The server would; we do not offer it, so a small message cannot become a large one."""

    async def look(socket: ServerConnection) -> Any:
        assert socket.request is not None
        assert socket.response is not None
        await socket.send("x" * LIMIT)
        header = "Sec-WebSocket-Extensions"
        return (
            socket.request.headers.get(header),
            socket.response.headers.get(header),
            list(socket.protocol.extensions),
        )

    url, outcome = peer.plays(look)
    async with opened(url, fast_lane=fast_lane) as transport:
        assert await messages(transport, 1) == ["x" * LIMIT]
        assert await told(outcome) == (None, None, [])
        assert transport.received_bytes > LIMIT
