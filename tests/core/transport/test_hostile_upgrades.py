"""Peers that do not let us in: silent, endless or no servers of WebSockets at all."""

from typing import Any

import pytest
import trio
import trio.testing
from transport_bench import answer, opened, read_request, saying
from transport_endings import ends_with

from trunkline.errors import TransportError


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
