"""The guard by itself: goodbyes, and what it is asked as a stream."""

import pytest
import trio
import trio.testing
from transport_bench import TEXT, answer, close, frame, opened, read_request, saying

from trunkline.config import parse_url
from trunkline.errors import TransportError
from trunkline.mailbox import Mailbox
from trunkline.transport.guard import Guard
from trunkline.transport.lane import Lane, close_frame
from trunkline.transport.transport import Transport, open_transport


def guarded(stream: trio.abc.Stream) -> Guard:
    inbox: Mailbox[list[bytes]] = Mailbox(limit=9, limit_bytes=9, overflow="grow")
    return Guard(stream, Lane(1000), inbox, 1000)


async def test_t3_no_goodbye_is_sent_into_a_write_that_is_under_way(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It would land inside the other frame's payload."""
    client, server = trio.testing.lockstep_stream_pair()
    guard = guarded(client)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guard.send_all, b"half a frame")
        await trio.testing.wait_all_tasks_blocked()
        await guard.send_close(1002)
        assert await server.receive_some() == b"half a frame"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guard.send_close, 1002)
        assert await server.receive_some() == close_frame(1002)


async def test_t3_nothing_is_written_into_or_after_a_goodbye(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What another task was just about to write finds the socket closed, and that is no bug."""
    client, server = trio.testing.lockstep_stream_pair()
    guard = guarded(client)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(guard.send_close, 1008)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.ClosedResourceError):
            await guard.send_all(b"a frame")
        assert await server.receive_some() == close_frame(1008)
    with pytest.raises(trio.ClosedResourceError):
        await guard.send_all(b"another frame")


async def test_a_goodbye_to_nobody_is_no_error(autojump_clock: trio.testing.MockClock) -> None:
    """The peer is gone already."""
    client, server = trio.testing.memory_stream_pair()
    await server.aclose()
    guard = guarded(client)
    await guard.send_close(1002)
    await guard.wait_send_all_might_not_block()
    await guard.aclose()
    await guard.send_close(1002)


async def test_what_was_never_opened_cannot_send() -> None:
    """And says so as any other end."""
    client, _ = trio.testing.memory_stream_pair()
    with pytest.raises(TransportError, match="the socket ended"):
        await Transport(client, 1000, lambda _: None, fast_lane=True).send("x")


async def test_s_running_out_of_memory_is_not_the_networks_fault(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It passes as itself, wherever it happens."""

    async def dial(*_: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        client, server = trio.testing.memory_stream_pair()
        assert server is not client
        client.send_stream.send_all_hook = exhausted
        return client

    async def exhausted() -> None:
        raise MemoryError

    with pytest.RaisesGroup(MemoryError, flatten_subgroups=True):
        async with open_transport(
            parse_url("ws://h/"), dial=dial, max_message_bytes=9, connect_timeout=9, on_phase=print
        ):
            pass


async def test_a_library_that_raises_while_it_is_left_holds_nobody_up(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream is closed and its reader ended, always."""

    async def broken(*_: object) -> None:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("a bug")

    with trio.fail_after(5), pytest.raises(RuntimeError, match="a bug"):
        async with opened(saying(b"")) as transport:
            monkeypatch.setattr(transport._socket, "aclose", broken)  # noqa: SLF001 - the library's


@pytest.mark.parametrize("fast_lane", [True, False])
async def test_leaving_waits_for_no_reader_of_what_has_come(
    autojump_clock: trio.testing.MockClock, fast_lane: bool
) -> None:
    """The inbox is full and nobody reads it: the peer's answer to our Close is found behind it."""

    async def flooding(stream: trio.abc.Stream) -> None:
        await stream.send_all(answer(await read_request(stream)))
        large = frame(TEXT, b"x" * 60_000)
        for _ in range(200):  # 12 MB; the inbox takes 8
            await stream.send_all(large)
        await stream.receive_some()  # our Close
        await stream.send_all(close(1000))
        await stream.send_eof()  # type: ignore[attr-defined] # a stapled stream has it

    async with opened(flooding, max_message_bytes=1 << 20, fast_lane=fast_lane) as transport:
        while not transport.is_paused:  # noqa: ASYNC110 - the guard tells nobody
            await trio.sleep(0.01)
        start = trio.current_time()
    assert trio.current_time() - start < 1


async def test_lv4_a_pause_of_our_own_is_no_silence_of_the_peers(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nobody reads the inbox for a minute, and then nothing more comes: it was heard just now."""
    data = frame(TEXT, b"x" * 60_000) * 140  # as much as the inbox takes: all of it has been read
    async with opened(saying(data), max_message_bytes=1 << 20) as transport:
        await trio.sleep(60)
        assert transport.is_paused
        await transport.receive()
        while transport.inbox_used:
            await transport.receive()
            await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() - transport.last_rx < 1


async def test_the_bench_itself_closes_what_it_opened(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """An open stream at the end would fail every test of this directory."""
    async with opened(saying(b"")) as transport:
        assert not transport.is_paused
