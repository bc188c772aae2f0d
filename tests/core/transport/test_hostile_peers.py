"""What the WebSocket library does on bad days, and what we make of it (the T and G rows)."""

import pytest
import trio
import trio.testing
from transport_bench import (
    BINARY,
    CONTINUATION,
    LIMIT,
    PING,
    TEXT,
    answer,
    close,
    everything,
    frame,
    opened,
    read_request,
    saying,
)
from transport_endings import ends_with

from trunkline.errors import TransportError


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"a", reserved=1), 1002), (frame(3), 1002), (frame(0xB), 1002),
        (frame(TEXT, b"a", masked=True), 1002), (frame(CONTINUATION, b"a"), 1002),
        (frame(PING, b"p" * 126), 1002), (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
        (frame(TEXT, b"\xc3", fin=False) + frame(CONTINUATION, b"\x28"), 1007),
    ],
)  # fmt: skip
async def test_t3_a_peer_that_breaks_the_protocol_is_left_with_a_close(
    data: bytes, code: int, autojump_clock: trio.testing.MockClock
) -> None:
    """The library sends none; we do, by hand, with the code of the fault."""
    heard = b""

    async def faulty(stream: trio.abc.Stream) -> None:
        nonlocal heard
        await stream.send_all(answer(await read_request(stream)))
        await stream.send_all(data)
        while chunk := await stream.receive_some():
            heard += chunk

    error = await ends_with(faulty)
    assert (error.kind, error.code) == ("protocol", code)
    assert code.to_bytes(2, "big") in heard


async def test_t2_leaving_a_peer_that_never_closes_takes_a_second_and_a_half(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Politely first, by force then."""
    async with opened(saying(b"")) as transport:
        await trio.sleep(5)
        start = trio.current_time()
        await transport.aclose()
        assert trio.current_time() - start == pytest.approx(1.5, abs=0.1)
        await transport.aclose()
        assert trio.current_time() - start == pytest.approx(1.5, abs=0.1)


async def test_t2_after_the_peers_close_nobody_waits_for_it_to_close_tcp(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It keeps the connection open for ever; we do not."""
    start = trio.current_time()
    error = await ends_with(saying(close(1000)))
    assert (error.kind, error.code) == ("closed", 1000)
    assert trio.current_time() - start < 2


async def test_t8_empty_fragments_without_end_are_cut_by_their_account(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Each counts 64 bytes; the library would collect them for ever."""

    async def flooding(stream: trio.abc.Stream) -> None:
        await stream.send_all(answer(await read_request(stream)))
        await stream.send_all(frame(TEXT, b"", fin=False))
        while True:
            await stream.send_all(frame(CONTINUATION, b"", fin=False) * 500)
            await trio.lowlevel.checkpoint()

    error = await ends_with(flooding)
    assert (error.kind, error.code) == ("limit", 1008)


async def test_g3_a_message_that_drips_is_cut_after_30_seconds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One byte a second: the time belongs to the message."""

    async def dripping(stream: trio.abc.Stream) -> None:
        await stream.send_all(answer(await read_request(stream)))
        for byte in frame(TEXT, b"x" * 1000):
            await stream.send_all(bytes([byte]))
            await trio.sleep(1)

    start = trio.current_time()
    error = await ends_with(dripping)
    assert (error.kind, error.code) == ("limit", 1008)
    assert 29 <= trio.current_time() - start <= 34


async def test_g3_a_busy_link_whose_chunks_end_inside_frames_is_left_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Something is always unfinished, but never the same message for long."""
    data = b"".join(frame(TEXT, b"%05d" % number * 20) for number in range(4000))

    async def busy(stream: trio.abc.Stream) -> None:
        await stream.send_all(answer(await read_request(stream)))
        for at in range(0, len(data), 1001):
            await stream.send_all(data[at : at + 1001])
            await trio.sleep(0.5)
        await stream.aclose()

    async with opened(busy) as transport:
        got = await everything(transport)
        assert len(got) == 4000
        with pytest.raises(TransportError, match="without a Close frame"):
            await transport.receive()


async def test_c18_a_message_over_the_limit_is_our_close_1009(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Told apart from a peer that closes 1009."""
    error = await ends_with(saying(frame(TEXT, b"x" * (LIMIT + 1))))
    assert (error.kind, error.code, error.ours) == ("limit", 1009, True)
    theirs = await ends_with(saying(close(1009)))
    assert (theirs.kind, theirs.code, theirs.ours) == ("closed", 1009, False)


async def test_c34_binary_messages_are_dropped_and_counted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """This protocol has none."""
    dropped: list[str] = []
    script = saying(frame(BINARY, b"x") + frame(TEXT, b"after"))
    async with opened(script, on_drop=dropped.append) as transport:
        assert await transport.receive() == [b"after"]
    assert dropped == ["binary"]


async def test_t11_a_peers_ping_is_answered_while_messages_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nobody reads, the pong goes out all the same."""
    heard = b""

    async def asking(stream: trio.abc.Stream) -> None:
        nonlocal heard
        await stream.send_all(answer(await read_request(stream)))
        await stream.send_all(frame(TEXT, b"a") * 10 + frame(PING, b"canary") + frame(TEXT, b"b"))
        while chunk := await stream.receive_some():
            heard += chunk

    async with opened(asking):
        await trio.sleep(1)
        assert heard[0] == 0x8A


async def test_t13_g4_a_write_cut_short_leaves_no_socket_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """No frame can follow half a frame."""
    client, server = trio.testing.lockstep_stream_pair()
    from trunkline.config import parse_url
    from trunkline.transport.transport import open_transport

    async def dial(*_: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return client

    async def peer() -> None:
        await server.send_all(answer(await read_request(server)))
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer)
        async with open_transport(
            parse_url("ws://h/"), dial=dial, max_message_bytes=9, connect_timeout=9, on_phase=print
        ) as transport:
            with trio.move_on_after(1):
                await transport.send("never read")
            with pytest.raises(TransportError, match="cut short"):
                await transport.send("after it")
            with pytest.raises(TransportError, match="cut short"):
                await transport.receive()
        nursery.cancel_scope.cancel()


async def test_sending_to_a_peer_that_is_gone_is_a_transport_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """By the first cause."""
    async with opened(saying(b"", then_eof=True)) as transport:
        await trio.sleep(1)
        with pytest.raises(TransportError, match="without a Close frame"):
            await transport.send("x")


async def test_the_callers_exception_comes_out_as_itself(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """In no group, and the socket is closed."""
    with pytest.raises(KeyError, match="mine"):
        async with opened(saying(b"")):
            raise KeyError("mine")


@pytest.mark.parametrize("moment", [0.0, 0.001, 0.01, 1.0])
async def test_a_cancel_at_any_moment_leaves_nothing(
    moment: float, autojump_clock: trio.testing.MockClock
) -> None:
    """While dialling, upgrading or open: gone within the time for the goodbye."""

    async def slow(stream: trio.abc.Stream) -> None:
        request = await read_request(stream)
        await trio.sleep(0.005)
        await stream.send_all(answer(request))
        await trio.sleep_forever()

    start = trio.current_time()
    tasks = trio.lowlevel.current_statistics().tasks_living
    with trio.move_on_after(moment) as scope:
        async with opened(slow) as transport:
            await transport.receive()
    assert scope.cancelled_caught
    assert trio.current_time() - start <= moment + 1.6
    assert trio.lowlevel.current_statistics().tasks_living == tasks


async def test_a_pause_of_our_own_is_not_the_peers_silence(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """After it the last byte counts as just received."""
    data = frame(TEXT, b"x" * 60_000) * 400
    async with opened(saying(data, chunks=1 << 16), max_message_bytes=1 << 20) as transport:
        await trio.sleep(100)
        assert trio.current_time() - transport.last_rx > 99
        while transport.last_rx < trio.current_time():  # until there is room, and reading goes on
            await transport.receive()
        assert transport.last_rx == trio.current_time()
