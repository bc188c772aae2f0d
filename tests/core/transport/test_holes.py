"""The table of trio-websocket's holes (reliability §2.2), where no other file here proves a row.

Judged anew with each version of the library: `pyproject.toml` pins it below 0.13 (T24).
"""

import os
import socket
from contextlib import suppress
from typing import Any, get_args

import hypothesis.strategies as st
import pytest
import trio
import trio.testing
from examples import examples
from hypothesis import HealthCheck, given, settings
from transport_bench import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LIMIT,
    PING,
    PONG,
    TEXT,
    answer,
    close,
    everything,
    frame,
    opened,
    read_request,
    saying,
)

from trunkline.config import parse_url
from trunkline.errors import LossKind, TransportError
from trunkline.transport.dialler import Dialler
from trunkline.transport.transport import open_transport


async def mute(_: trio.abc.Stream) -> None:
    """Say nothing, ever."""
    await trio.sleep_forever()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def ending(data: bytes, **options: Any) -> TransportError:
    """Return how a server that sends `data` after the handshake is left."""
    async with opened(saying(data, then_eof=True), **options) as transport:
        await everything(transport)
        with pytest.raises(TransportError) as caught:
            await transport.receive()
    return caught.value


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.05])
async def test_t4_a_cancelled_exit_closes_the_descriptor(moment: float) -> None:
    """On a real socket, whenever the cancel comes: in the upgrade, open, or while leaving."""
    accepted: list[trio.SocketStream] = []

    async def serve(stream: trio.SocketStream) -> None:
        accepted.append(stream)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # cancelled that early
            await stream.send_all(answer(await read_request(stream)))
        await trio.sleep_forever()  # and never closes

    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        url = parse_url(f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/ws")
        await trio.testing.wait_all_tasks_blocked()
        before = descriptors()
        with trio.move_on_after(moment):
            async with open_transport(
                url,
                dial=Dialler(),
                max_message_bytes=LIMIT,
                connect_timeout=5,
                on_phase=lambda _: None,
            ):
                await trio.sleep(0.02)
        with trio.fail_after(5):
            while descriptors() != before:  # a look-up may still be at work, a socket come late
                for stream in accepted:
                    await trio.aclose_forcefully(stream)
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()


FRAMES = st.builds(
    frame,
    st.sampled_from([TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG, 0x3, 0xB]),
    st.binary(max_size=200),
    fin=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 1, 4]),
    masked=st.sampled_from([False, False, True]),
)


@pytest.mark.unmeasured
@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.too_slow])
@given(
    frames=st.lists(FRAMES, max_size=8),
    noise=st.binary(max_size=40),
    chunks=st.sampled_from([1, 3, 1 << 16]),
    head=st.binary(max_size=60),
)
def test_t5_no_peer_brings_out_an_undeclared_exception(
    frames: list[bytes], noise: bytes, chunks: int, head: bytes
) -> None:
    """Broken frames, broken headers, whatever: a `TransportError`, in time, nothing left open."""

    async def main() -> None:
        data = b"".join(frames) + noise
        async with opened(saying(data, chunks=chunks, then_eof=True)) as transport:
            await everything(transport)

        async def shake_badly(stream: trio.abc.Stream) -> None:
            await stream.send_all(answer(await read_request(stream), more=b"X: " + head + b"\r\n"))
            await stream.send_eof()  # type: ignore[attr-defined] # a stapled stream has it

        with suppress(TransportError):
            async with opened(shake_badly) as transport:
                await everything(transport)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_t7_every_kind_of_trouble_has_a_text(autojump_clock: trio.testing.MockClock) -> None:
    """One of each kind that a peer can cause is made here; none has an empty detail."""

    def script(reply: bytes) -> Any:
        async def run(stream: trio.abc.Stream) -> None:
            await read_request(stream)
            await stream.send_all(reply)
            await stream.send_eof()  # type: ignore[attr-defined] # a stapled stream has it

        return run

    found: dict[str, str] = {}
    for reply in (b"", b"garbage\r\n\r\n", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"):
        with pytest.raises(TransportError) as caught:
            async with opened(script(reply)):
                pass
        found[caught.value.kind] = caught.value.detail
    with pytest.raises(TransportError) as caught:
        async with opened(mute, connect_timeout=1):
            pass
    found[caught.value.kind] = caught.value.detail
    too_large = frame(TEXT, b"x" * (LIMIT + 1))
    for data in (close(1012), too_large, frame(TEXT, b"", reserved=4)):
        error = await ending(data)
        found[error.kind] = error.detail
    made_elsewhere = {"dns", "refused", "tls"}  # test_dialler.py
    assert set(found) == set(get_args(LossKind)) - made_elsewhere
    assert all(found.values())


async def test_t9_two_oversized_messages_in_one_read_are_one_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Whatever the library makes of the second one, the link ends by name: 1009, or its fault."""
    large = frame(TEXT, b"x" * (LIMIT + 1))
    error = await ending(large + large)
    assert error.kind in {"limit", "protocol"}


async def test_t14_the_system_watches_idle_sockets_too() -> None:
    """Keepalive is on as a second net below the heartbeat."""
    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, mute, [listener])
        url = parse_url(f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/ws")
        stream: Any = await Dialler()(url, lambda _: None)
        found = {
            name: stream.socket.getsockopt(level, getattr(socket, name))
            for name, level in (
                ("SO_KEEPALIVE", socket.SOL_SOCKET),
                ("TCP_KEEPIDLE", socket.IPPROTO_TCP),
                ("TCP_KEEPINTVL", socket.IPPROTO_TCP),
                ("TCP_KEEPCNT", socket.IPPROTO_TCP),
                ("TCP_USER_TIMEOUT", socket.IPPROTO_TCP),
            )
        }
        await stream.aclose()
        nursery.cancel_scope.cancel()
    assert found == {
        "SO_KEEPALIVE": 1,
        "TCP_KEEPIDLE": 30,
        "TCP_KEEPINTVL": 10,
        "TCP_KEEPCNT": 3,
        "TCP_USER_TIMEOUT": 30_000,
    }


@pytest.mark.parametrize(
    "header",
    [b"Sec-WebSocket-Extensions: permessage-deflate\r\n", b"Sec-WebSocket-Protocol: chat\r\n"],
)
async def test_t17_what_was_not_offered_may_not_be_chosen(
    autojump_clock: trio.testing.MockClock, header: bytes
) -> None:
    """No extension is offered, so no decompression bomb can come."""
    requests: list[bytes] = []

    async def choose(stream: trio.abc.Stream) -> None:
        requests.append(await read_request(stream))
        await stream.send_all(answer(requests[0], more=header))

    with pytest.raises(TransportError) as caught:
        async with opened(choose):
            pass
    assert caught.value.kind == "protocol"
    assert b"Sec-WebSocket-Extensions" not in requests[0]
    assert b"Sec-WebSocket-Protocol" not in requests[0]


@pytest.mark.parametrize(
    "url", ["ws://h\n.evil/", "ws://h:0/", "ws://h:70000/", "ws://u:p@h/", "ws://h /", "ws://h/#x"]
)
def test_t19_what_a_url_may_not_hold_is_refused_before_any_name_is_looked_up(url: str) -> None:
    """The library would have connected to another host, or raised something of its own."""
    with pytest.raises(ValueError, match=r".+"):
        parse_url(url)


@pytest.mark.parametrize(("url", "target"), [("ws://h/ü", "/%C3%BC"), ("ws://h", "/")])
def test_t19_a_path_is_encoded(url: str, target: str) -> None:
    """What is legal after encoding is encoded."""
    assert parse_url(url).target == target


async def test_t8_the_limit_is_one_of_bytes_not_of_characters(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Half as many letters of two bytes fit; one more is refused by us, with 1009."""
    most = "ü" * (LIMIT // 2)
    data = frame(TEXT, most.encode()) + frame(TEXT, f"{most}ü".encode())
    async with opened(saying(data)) as transport:
        assert await everything(transport) == [most.encode()]
        with pytest.raises(TransportError) as caught:
            await transport.receive()
    assert (caught.value.kind, caught.value.code, caught.value.ours) == ("limit", 1009, True)


async def test_t20_the_peers_words_are_escaped_and_cut(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A close reason of escape sequences reaches no terminal as it is."""
    error = await ending(close(1000, b"\x1b[2J\r\nfake line" + b"x" * 100))
    for text in (error.detail, error.reason, str(error), repr(error)):
        assert "\x1b" not in text
        assert "\n" not in text
    assert len(error.reason) <= 123


@pytest.mark.parametrize(
    ("data", "code"), [(b"", None), (close(None), 1005), (frame(TEXT, b"{}"), None)]
)
async def test_t21_t22_an_end_without_a_close_frame_has_no_code(
    autojump_clock: trio.testing.MockClock, data: bytes, code: int | None
) -> None:
    """End of file is 1006, whatever came before; an empty Close frame is 1005."""
    error = await ending(data)
    assert (error.kind, error.code) == ("closed", code)


async def test_t21_the_first_cause_wins(autojump_clock: trio.testing.MockClock) -> None:
    """A Close with 1012, then end of file, then our own leaving: it stays 1012."""
    async with opened(saying(close(1012), then_eof=True)) as transport:
        await everything(transport)
        await transport.aclose()
        for _ in range(2):
            with pytest.raises(TransportError) as caught:
                await transport.receive()
            assert caught.value.code == 1012


async def test_t23_a_message_larger_than_a_read_is_whole(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """300,000 bytes, in one frame and in fragments."""
    payload = b"x" * 300_000
    parts = frame(TEXT, payload[:100_000], fin=False) + frame(CONTINUATION, payload[100_000:])
    for data in (frame(TEXT, payload), parts):
        script = saying(data, chunks=65_536, then_eof=True)
        async with opened(script, max_message_bytes=1 << 20) as transport:
            assert await everything(transport) == [payload]
