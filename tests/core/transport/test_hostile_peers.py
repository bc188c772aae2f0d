"""What the WebSocket library does on bad days, and what we make of it (the T and G rows)."""

from typing import Any

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

from trunkline.errors import TransportError


async def ends_with(script: Any, **options: Any) -> TransportError:
    """Return the error of a connection that cannot be opened, or that ends."""
    start = trio.current_time()
    with pytest.raises(TransportError) as caught:  # noqa: PT012 - opening or receiving may raise
        async with opened(script, **options) as transport:
            await everything(transport)
            await transport.receive()
    assert str(caught.value)
    assert trio.current_time() - start < 60
    return caught.value


async def test_t1_a_silent_upgrade_ends_at_the_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One deadline over dialling and upgrade."""

    async def silent(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    start = trio.current_time()
    error = await ends_with(silent, connect_timeout=1.0)
    assert error.kind == "timeout"
    assert trio.current_time() - start == pytest.approx(1.0, abs=0.1)


async def test_t1_a_dialler_that_hangs_ends_at_the_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """DNS and TCP are under the same deadline."""
    from trunkline.config import parse_url
    from trunkline.transport.transport import open_transport

    async def dial(*_: object) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.raises(TransportError, match="not open after 2 s"):
        async with open_transport(
            parse_url("ws://h/"), dial=dial, max_message_bytes=1, connect_timeout=2, on_phase=print
        ):
            pass


async def test_t10_an_endless_rejection_is_cut(autojump_clock: trio.testing.MockClock) -> None:
    """Its body counts against the 128 KiB of the answer."""

    async def endless(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await stream.send_all(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await trio.sleep(0.01)

    error = await ends_with(endless)
    assert (error.kind, "131072 bytes" in error.detail) == ("protocol", True)


@pytest.mark.parametrize(
    ("head", "status", "hint"),
    [
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", 503, 7.0),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", 503, None),
        (b"HTTP/1.1 429 No\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n", 429, 0.0),
        (b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n", 302, None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, None),
    ],
)  # fmt: skip
async def test_c28_a_rejection_comes_out_with_its_status_and_hint(
    head: bytes, status: int, hint: float | None, autojump_clock: trio.testing.MockClock
) -> None:
    """Never followed, never more than a number."""

    async def rejecting(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(head)
        await trio.sleep_forever()

    error = await ends_with(rejecting)
    assert (error.kind, error.status, error.retry_after) == ("rejected", status, hint)


async def test_t6_a_rejection_without_length_wins_over_the_end_of_file(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A 503 that ends with the connection is a 503, not a time-out."""

    async def ending(stream: trio.abc.Stream) -> None:
        await read_request(stream)
        await stream.send_all(b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\nsorry")
        await stream.aclose()

    error = await ends_with(ending)
    assert (error.kind, error.status) in {("rejected", 503), ("upgrade", None)}


@pytest.mark.parametrize("cut", [0, 10, 60])
async def test_t6_end_of_file_in_the_upgrade_is_told_at_once(
    cut: int, autojump_clock: trio.testing.MockClock
) -> None:
    """Kind `upgrade`, in a twentieth of a second."""

    async def ending(stream: trio.abc.Stream) -> None:
        await stream.send_all(answer(await read_request(stream))[:cut])
        await stream.aclose()

    start = trio.current_time()
    error = await ends_with(ending)
    assert error.kind in {"upgrade", "protocol"}
    assert trio.current_time() - start < 0.2


@pytest.mark.parametrize(
    "reply",
    [
        lambda r: answer(r, accept=b"wrong"),
        lambda r: answer(r, more=b"Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        lambda r: answer(r, more=b"Sec-WebSocket-Protocol: chat\r\n"),
        lambda r: answer(r, more=b"Sec-WebSocket-Protocol: \xe9\r\n"),
        lambda r: b"garbage\r\n\r\n",
        lambda r: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        lambda r: b"HTTP/1.1 101 X\r\n" + b"A: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
    ids=["accept key", "extension", "subprotocol", "not ASCII", "garbage", "HTTP/2", "long header"],
)  # fmt: skip
async def test_c25_an_answer_that_is_no_upgrade_is_a_protocol_error(
    reply: Any, autojump_clock: trio.testing.MockClock
) -> None:
    """By name, without the peer's text."""

    async def odd(stream: trio.abc.Stream) -> None:
        await stream.send_all(reply(await read_request(stream)))
        await trio.sleep_forever()

    error = await ends_with(odd, connect_timeout=3.0)
    assert error.kind in {"protocol", "upgrade"}


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


async def test_t15_a_header_that_cannot_be_is_refused_without_its_value(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Before the library could quote it."""
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        async with opened(saying(b""), headers=[("Authorization", "canary\n")]):
            pass
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("ws://[::1]:8765/", b"[::1]:8765"), ("ws://[::1]/", b"[::1]"), ("ws://h:80/", b"h"),
        ("ws://h:443/", b"h:443"), ("ws://H.example/", b"h.example"), ("ws://h:8080/a?b=c", b"h:8080"),
    ],
)  # fmt: skip
async def test_t18_the_host_header_is_ours(
    url: str, host: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    """Brackets for IPv6, the scheme's own port left out (RFC 3986)."""
    requests: list[bytes] = []

    async def noting(stream: trio.abc.Stream) -> None:
        request = await read_request(stream)
        requests.append(request)
        await stream.send_all(answer(request))
        await trio.sleep_forever()

    async with opened(noting, url=url):
        pass
    assert b"\r\nHost: " + host + b"\r\n" in requests[0]


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
