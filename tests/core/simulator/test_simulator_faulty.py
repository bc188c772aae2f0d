"""`Faulty`: each fault, at a byte, at a time, at a rate (reliability §6)."""

import pytest
import trio
import trio.testing

from trunkline.simulator import Fault, Faulty, Plan

DATA = bytes(range(100))


def faulty_pair(*faults: Fault, seed: int = 0) -> tuple[Faulty, trio.abc.Stream]:
    """Return a wrapped stream and the other end."""
    near, far = trio.testing.memory_stream_pair()
    return Faulty(near, Plan(faults, seed)), far


END = b"|END"


async def arrives(stream: trio.abc.Stream, seconds: float = 60.0) -> bytes:
    """Return what arrives within so long, with `END` behind it where the stream ended."""
    found = b""
    with trio.move_on_after(seconds):
        while data := await stream.receive_some():
            found += data
        found += END
    return found


async def test_without_faults_bytes_pass_both_ways(autojump_clock: trio.abc.Clock) -> None:
    """An empty plan is no fault."""
    stream, far = faulty_pair()
    await stream.send_all(DATA)
    await stream.wait_send_all_might_not_block()
    await far.send_all(DATA)
    assert await arrives(far) == DATA
    assert await arrives(stream) == DATA
    await stream.aclose()
    assert await arrives(far) == END


async def test_mute_passes_nothing_and_shows_no_end(autojump_clock: trio.abc.Clock) -> None:
    """Writes succeed into nowhere; even the end of file is not seen."""
    stream, far = faulty_pair(Fault(kind="mute", at=5.0))
    await stream.send_all(b"before")
    await far.send_all(b"before")
    assert await arrives(stream, 1.0) == b"before"
    await trio.sleep(5.0)
    await stream.send_all(DATA)
    await far.send_all(DATA)
    await far.aclose()
    assert await arrives(stream) == b""


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_half_open_loses_one_way_alone(
    autojump_clock: trio.abc.Clock, direction: str
) -> None:
    """The other way goes on."""
    fault = Fault(kind="half_open", direction="in" if direction == "in" else "out", at_byte=10)
    stream, far = faulty_pair(fault)
    await stream.send_all(DATA)
    await far.send_all(DATA)
    assert await arrives(far) == (DATA if direction == "in" else DATA[:10])
    assert await arrives(stream) == (DATA[:10] if direction == "in" else DATA)


async def test_stall_blocks_the_writer_until_closed(autojump_clock: trio.abc.Clock) -> None:
    """The peer stops reading: what fits goes, the rest waits; reading goes on."""
    stream, far = faulty_pair(Fault(kind="stall", at_byte=10))
    await far.send_all(b"hello")
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(60.0) as limit:
            await stream.send_all(DATA)
        assert limit.cancelled_caught
        assert await arrives(far) == DATA[:10]
        assert await arrives(stream, 1.0) == b"hello"
        nursery.start_soon(_expect_closed, stream)
        await trio.testing.wait_all_tasks_blocked()
        await stream.aclose()


async def _expect_closed(stream: Faulty) -> None:
    with pytest.raises(trio.ClosedResourceError):
        await stream.send_all(b"x")


async def test_stall_makes_waiting_for_room_wait(autojump_clock: trio.abc.Clock) -> None:
    """`wait_send_all_might_not_block` tells the truth."""
    stream, _far = faulty_pair(Fault(kind="stall"))
    with trio.move_on_after(60.0) as limit:
        await stream.wait_send_all_might_not_block()
    assert limit.cancelled_caught


async def test_stall_of_the_inward_way_leaves_bytes_unread(autojump_clock: trio.abc.Clock) -> None:
    """Nothing is read, nothing is lost where a cut follows."""
    stream, far = faulty_pair(Fault(kind="stall", direction="in"), Fault(kind="cut", at=30.0))
    await far.send_all(DATA)
    start = trio.current_time()
    assert await arrives(stream) == END
    assert trio.current_time() - start == pytest.approx(30.0)


@pytest.mark.parametrize("count", [0, 1, 50, 99, 100])
async def test_cut_ends_the_stream_after_exactly_so_many_bytes(
    autojump_clock: trio.abc.Clock, count: int
) -> None:
    """End of file for the reader, a broken stream for the writer, both ways."""
    stream, far = faulty_pair(Fault(kind="cut", direction="in", at_byte=count))
    await far.send_all(DATA)
    assert await arrives(stream) == DATA[:count] + END
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")
    assert await arrives(far) == END


async def test_cut_at_a_time_ends_a_waiting_read(autojump_clock: trio.abc.Clock) -> None:
    """Nobody need do anything for it to happen."""
    stream, far = faulty_pair(Fault(kind="cut", at=7.0))
    start = trio.current_time()
    assert await stream.receive_some() == b""
    assert trio.current_time() - start == pytest.approx(7.0)
    assert await arrives(far) == END


async def test_cut_of_the_outward_way_ends_a_waiting_read_too(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The connection is one; a reader below is not told that we closed it."""
    stream, far = faulty_pair(Fault(kind="cut", direction="out", at_byte=10))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_expect_end, stream)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(DATA)
    assert await arrives(far) == DATA[:10] + END


async def _expect_end(stream: Faulty) -> None:
    assert await stream.receive_some() == b""


async def test_reset_breaks_reading_and_writing(autojump_clock: trio.abc.Clock) -> None:
    """After the bytes before it."""
    stream, far = faulty_pair(Fault(kind="reset", direction="in", at_byte=3))
    await far.send_all(DATA)
    assert await stream.receive_some() == DATA[:3]
    for _ in range(2):
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")


async def test_slice_hands_on_a_few_bytes_at_a_time(autojump_clock: trio.abc.Clock) -> None:
    """Both ways, and all of them in order."""
    stream, far = faulty_pair(Fault(kind="slice", size=7))
    await far.send_all(DATA)
    pieces = [await stream.receive_some() for _ in range(15)]
    assert {len(piece) for piece in pieces[:-1]} == {7}
    assert b"".join(pieces) == DATA
    await stream.send_all(DATA)
    assert await arrives(far) == DATA


async def test_delay_has_latency_jitter_and_bandwidth(autojump_clock: trio.abc.Clock) -> None:
    """100 bytes at 50 a second, and a second more or less."""
    stream, far = faulty_pair(
        Fault(kind="delay", direction="in", latency=1.0, jitter=0.5, bandwidth=50.0)
    )
    await far.send_all(DATA)
    start = trio.current_time()
    assert await stream.receive_some() == DATA
    assert 2.5 <= trio.current_time() - start <= 3.5


async def test_delay_cancelled_loses_nothing(autojump_clock: trio.abc.Clock) -> None:
    """Who gives up reading finds the bytes at the next try."""
    stream, far = faulty_pair(Fault(kind="delay", direction="in", latency=10.0))
    await far.send_all(DATA)
    with trio.move_on_after(5.0):
        await stream.receive_some()
    assert await stream.receive_some() == DATA


async def test_corrupt_flips_one_bit_of_the_named_byte(autojump_clock: trio.abc.Clock) -> None:
    """All others arrive as they were."""
    stream, far = faulty_pair(Fault(kind="corrupt", direction="out", at_byte=42))
    await stream.send_all(DATA)
    found = await arrives(far)
    [(place, old, new)] = [
        (i, old, new) for i, (old, new) in enumerate(zip(DATA, found, strict=True)) if old != new
    ]
    assert place == 42
    assert (old ^ new).bit_count() == 1


async def test_corrupt_at_a_rate_hits_about_so_many_bytes(autojump_clock: trio.abc.Clock) -> None:
    """One in a hundred, the same ones under the same seed."""

    async def damage(seed: int) -> list[int]:
        stream, far = faulty_pair(Fault(kind="corrupt", direction="out", rate=0.01), seed=seed)
        await stream.send_all(bytes(20_000))
        found = await arrives(far)
        return [place for place, byte in enumerate(found) if byte]

    places = await damage(1)
    assert 120 < len(places) < 290
    assert places == await damage(1)
    assert places != await damage(2)


async def test_faults_follow_each_other(autojump_clock: trio.abc.Clock) -> None:
    """A stall at five seconds, a reset at ten."""
    stream, _far = faulty_pair(Fault(kind="stall", at=5.0), Fault(kind="reset", at=10.0))
    await stream.send_all(DATA)
    await trio.sleep(5.0)
    start = trio.current_time()
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(DATA)
    assert trio.current_time() - start == pytest.approx(5.0)


async def test_a_reset_between_real_sockets_is_a_reset() -> None:
    """The peer's system sees the connection break, not an end of file."""
    with trio.fail_after(10.0):
        async with trio.open_nursery() as nursery:
            accepted: list[trio.SocketStream] = []

            async def accept(stream: trio.SocketStream) -> None:
                accepted.append(stream)
                with pytest.raises(trio.BrokenResourceError):
                    await stream.receive_some()
                nursery.cancel_scope.cancel()

            listeners = await nursery.start(trio.serve_tcp, accept, 0)
            near = await trio.testing.open_stream_to_socket_listener(listeners[0])
            stream = Faulty(near, Plan((Fault(kind="reset", at=0.05),)))
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
            await trio.sleep_forever()
