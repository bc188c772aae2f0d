"""With the lane and without it: the same messages in the same order, the same end."""

import struct

import pytest
import trio
import trio.testing
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from transport_bench import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LIMIT,
    PING,
    PONG,
    TEXT,
    close,
    everything,
    frame,
    opened,
    saying,
)

from trunkline.errors import TransportError

short = st.text(max_size=40).map(str.encode)
# frames as drawn: bytes as they are, or an int for the text frame of so many letters
good = st.one_of(
    short.map(lambda text: frame(TEXT, text)),
    short.map(lambda text: frame(TEXT, text)),
    st.integers(1, LIMIT),
    st.integers(30_000, 70_000),
    st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=20)),
    st.builds(frame, st.just(BINARY), st.binary(max_size=20)),
    st.lists(short, min_size=2, max_size=4).map(
        lambda parts: (
            frame(TEXT, parts[0], fin=False)
            + b"".join(frame(CONTINUATION, part, fin=False) for part in parts[1:-1])
            + frame(CONTINUATION, parts[-1])
        )
    ),
)
bad = st.one_of(
    st.builds(frame, st.just(TEXT), st.binary(min_size=1, max_size=9)),
    st.builds(frame, st.integers(0, 15), st.binary(max_size=140), fin=st.booleans(), reserved=st.integers(0, 7), masked=st.booleans()),
    st.integers(0, 5000).map(lambda code: frame(CLOSE, struct.pack("!H", code))),
    st.binary(max_size=12),
)  # fmt: skip
sequences = st.tuples(st.lists(good, max_size=10), st.none() | bad, st.lists(good, max_size=2))


def built(drawn: bytes | int) -> bytes:
    return frame(TEXT, b"x" * drawn) if isinstance(drawn, int) else drawn


async def outcome(data: bytes, chunks: int, *, fast_lane: bool) -> tuple[list[bytes], str, object]:
    """Return all messages, and how it ended."""
    async with opened(
        saying(data, chunks=chunks, then_eof=True), fast_lane=fast_lane, max_message_bytes=60_000
    ) as transport:
        got = await everything(transport)
        try:
            await transport.receive()
        except TransportError as exc:
            return got, exc.kind, exc.code
    raise AssertionError("it did not end")


@pytest.mark.unmeasured
@settings(max_examples=examples(60))
@given(sequences, st.sampled_from([1, 2, 7, 100, 5000, 1 << 17]))
def test_the_lane_changes_nothing_but_the_time(
    sequence: tuple[list[bytes | int], bytes | None, list[bytes | int]], chunks: int
) -> None:
    """Arbitrary frames, good and bad, in arbitrary pieces; oversized ones end either way (T9)."""
    before, fault, after = sequence
    data = b"".join(map(built, [*before, fault or b"", *after]))
    if len(data) > 3000:
        chunks = max(chunks, 1000)

    async def both() -> None:
        fast = await outcome(data, chunks, fast_lane=True)
        plain = await outcome(data, chunks, fast_lane=False)
        assert fast[0] == plain[0]
        if "limit" not in (fast[1], plain[1]):
            assert fast[1:] == plain[1:]

    trio.run(both, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize("fast_lane", [True, False])
async def test_a_flood_is_held_back_and_arrives_whole(
    fast_lane: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """More than the inbox holds: the sender waits, nothing is lost, the pause is ours."""
    count = 3000
    data = b"".join(frame(TEXT, b"%06d" % number + b"x" * 4000) for number in range(count))
    async with opened(
        saying(data, chunks=1 << 16), fast_lane=fast_lane, max_message_bytes=1 << 16
    ) as transport:
        await trio.sleep(100)
        pauses = [transport.is_paused]
        got: list[bytes] = []
        while len(got) < count:
            got += await transport.receive()
        assert [int(message[:6]) for message in got] == list(range(count))
        pauses.append(transport.is_paused)
        assert pauses == [True, False]
        assert transport.received_bytes > len(data)


async def test_a_normal_close_is_one(autojump_clock: trio.testing.MockClock) -> None:
    """The peer's code and words come out, escaped."""
    async with opened(saying(frame(TEXT, b"a") + close(1012, b"back \x1b[31msoon"))) as transport:
        assert await transport.receive() == [b"a"]
        with pytest.raises(TransportError, match="closed 1012") as caught:
            await transport.receive()
    assert (caught.value.kind, caught.value.code) == ("closed", 1012)
    assert caught.value.reason == "back \\x1b[31msoon"
