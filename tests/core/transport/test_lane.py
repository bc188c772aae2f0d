"""The lane alone, without an event loop: what it takes out, what it hands on, what it counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transport_bench import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, frame

from trunkline.transport.lane import HOLD_LIMIT, LEAST_CHARGE, Lane, close_frame

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
LIMIT = 100_000


def upgraded(limit: int = LIMIT, *, takes: bool = True) -> Lane:
    lane = Lane(limit, takes=takes)
    assert lane.feed(HEAD) == ([], HEAD)
    assert lane.is_upgraded
    return lane


def feed(lane: Lane, data: bytes, size: int = 1 << 30) -> tuple[list[bytes], bytes]:
    """Feed in chunks; return all payloads and all that was handed on."""
    payloads: list[bytes] = []
    rest = b""
    for at in range(0, len(data), size):
        taken, handed = lane.feed(data[at : at + size])
        payloads += taken
        rest += handed
    return payloads, rest + lane.flush()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
def test_simple_text_frames_are_taken_out_whole(size: int) -> None:
    """Short and longer ones, ASCII and not, empty ones too, however they are cut."""
    texts = [b"", b"a", "é✓".encode(), b"x" * 125, b"y" * 126, b"z" * 40_000]
    data = b"".join(frame(TEXT, text) for text in texts)
    assert feed(upgraded(), data, size) == (texts, b"")


@pytest.mark.parametrize(
    "other",
    [
        frame(PING, b"p"), frame(PONG), frame(BINARY, b"b"), frame(TEXT, b"\xff"),
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b"), frame(TEXT, b"x" * (LIMIT + 1)),
        frame(TEXT, b"x" * (HOLD_LIMIT + 1)),
    ],
    ids=["ping", "pong", "binary", "not UTF-8", "fragments", "over the limit", "long"],
)  # fmt: skip
def test_everything_else_is_handed_on_unchanged(other: bytes) -> None:
    """And what stands before it is still taken out."""
    lane = upgraded()
    payloads, rest = feed(lane, frame(TEXT, b"before") + other)
    assert payloads == [b"before"]
    assert rest == other


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
@pytest.mark.parametrize(
    "bad",
    [
        frame(TEXT, b"a", reserved=1), frame(TEXT, b"a", reserved=4), frame(3, b"a"), frame(0xB, b"a"),
        frame(TEXT, b"a", masked=True), frame(CONTINUATION, b"a"), frame(PING, b"a", fin=False),
        frame(PING, b"p" * 126), frame(TEXT, b"a", form=16), frame(TEXT, b"a" * 200, form=64),
        b"\x81\x7f" + b"\xff" * 8, close(1000), frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
    ],
)  # fmt: skip
def test_g6_at_what_it_cannot_judge_it_shuts_for_good(bad: bytes, size: int) -> None:
    """The library is the judge of that, and of all that comes after it."""
    lane = upgraded()
    data = bad + frame(TEXT, b"after")
    assert feed(lane, data, size) == ([], data)
    assert feed(lane, frame(TEXT, b"later")) == ([], frame(TEXT, b"later"))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 1 << 20])
@pytest.mark.parametrize("head", [HEAD, HEAD.replace(b"\r\n", b"\n")])
def test_g8_the_end_of_the_head_may_straddle_chunks(size: int, head: bytes) -> None:
    """And frames may follow it in the same chunk; bare line feeds are line ends, too."""
    lane = Lane(LIMIT)
    payloads, rest = feed(lane, head + frame(TEXT, b"first") + frame(PING), size)
    assert payloads == [b"first"]
    assert rest == head + frame(PING)


def test_a_rejections_body_is_no_frames() -> None:
    """Even if it looks like some; and the connection does not count as upgraded."""
    lane = Lane(LIMIT)
    data = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\n" + frame(TEXT, b"a")
    assert feed(lane, data) == ([], data)
    assert not lane.is_upgraded


def test_after_a_message_was_handed_on_the_chunk_goes_on_too() -> None:
    """Order: what comes behind it waits for the library; the next chunk is open again."""
    lane = upgraded()
    chunk = frame(BINARY, b"b") + frame(TEXT, b"behind")
    assert lane.feed(chunk) == ([], chunk)
    assert lane.handed_count == 2
    assert lane.feed(frame(TEXT, b"next")) == ([b"next"], b"")


def test_g7_a_long_frame_is_handed_on_at_once() -> None:
    """At most 64 KiB are held back, or slices of one byte would copy for ever."""
    lane = upgraded()
    beginning = frame(TEXT, b"x" * (HOLD_LIMIT + 10))[:20]
    assert lane.feed(beginning) == ([], beginning)
    held = frame(TEXT, b"y" * 1000)[:20]
    other = upgraded()
    assert other.feed(held) == ([], b"")
    assert other.flush() == held


def test_g2_the_account_counts_what_is_unfinished() -> None:
    """Fragments at least 64 bytes each, a partial frame what has come; finished ones nothing."""
    lane = upgraded()
    assert lane.unfinished_bytes == 0
    lane.feed(frame(TEXT, b"", fin=False))
    assert lane.unfinished_bytes == LEAST_CHARGE
    lane.feed(frame(CONTINUATION, b"x" * 100, fin=False))
    assert lane.unfinished_bytes == LEAST_CHARGE + 102
    number = lane.message_number
    lane.feed(frame(PING, b"p" * 125))
    assert lane.unfinished_bytes == LEAST_CHARGE + 102
    lane.feed(frame(CONTINUATION, b"y" * 50)[:10])
    assert lane.unfinished_bytes == LEAST_CHARGE + 102 + 10
    lane.feed(frame(CONTINUATION, b"y" * 50)[10:])
    assert lane.unfinished_bytes == 0
    assert lane.handed_count == 1
    lane.feed(frame(TEXT, b"z" * 50)[:10])
    assert lane.unfinished_bytes == 10
    lane.feed(frame(TEXT, b"z" * 50)[10:])
    assert lane.message_number == number + 1
    lane.feed(frame(PING, b"p" * 50)[:10])
    assert lane.unfinished_bytes == 0


def test_switched_off_it_only_walks() -> None:
    """Nothing is taken out, everything is counted."""
    lane = upgraded(takes=False)
    data = frame(TEXT, b"a") + frame(TEXT, b"b", fin=False)
    assert feed(lane, data) == ([], data)
    assert lane.handed_count == 1
    assert lane.unfinished_bytes == LEAST_CHARGE


def test_shut_it_takes_nothing_out() -> None:
    """Leaving has begun; what was held back goes on first."""
    lane = upgraded()
    lane.feed(frame(TEXT, b"abc")[:3])
    lane.shut()
    assert lane.feed(frame(TEXT, b"abc")[3:]) == ([], frame(TEXT, b"abc"))


def test_the_hand_made_close_is_one_the_protocol_knows() -> None:
    """Masked, as a client's must be, with the code and no reason."""
    assert close_frame(1002) == bytes([0x88, 0x82, 0, 0, 0, 0]) + (1002).to_bytes(2, "big")


frames = st.one_of(
    st.builds(frame, st.just(TEXT), st.binary(max_size=200)),
    st.builds(frame, st.just(TEXT), st.text(max_size=60).map(str.encode)),
    st.builds(
        frame,
        st.sampled_from([TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG, 3, 0xF]),
        st.binary(max_size=130),
        fin=st.booleans(),
        reserved=st.sampled_from([0, 0, 0, 1]),
        masked=st.sampled_from([False, False, True]),
        form=st.sampled_from([None, None, 64]),
    ),
)


@given(st.lists(frames, max_size=12), st.integers(1, 90), st.booleans())
def test_nothing_is_lost_added_or_reordered(sent: list[bytes], size: int, takes: bool) -> None:
    """Put back as frames where they were taken out, the payloads complete the stream."""
    data = b"".join(sent)
    lane = upgraded(takes=takes)
    rebuilt = b""
    for at in range(0, len(data), size):
        payloads, rest = lane.feed(data[at : at + size])
        if payloads and rest:  # both: what was handed on came before, or after the first of them
            candidates = _merges(
                [frame(TEXT, payload) for payload in payloads], rest, data, rebuilt
            )
            rebuilt = candidates
        else:
            rebuilt += b"".join(frame(TEXT, payload) for payload in payloads) + rest
    assert rebuilt + lane.flush() == data


def _merges(taken: list[bytes], rest: bytes, data: bytes, done: bytes) -> bytes:
    """Return `done` with the taken frames and the rest merged as `data` has them."""
    while taken or rest:
        if taken and data.startswith(done + taken[0]) and not rest.startswith(taken[0]):
            done += taken.pop(0)
        elif rest and data.startswith(done + rest[:1]):
            done, rest = done + rest[:1], rest[1:]
        elif taken:
            done += taken.pop(0)
        else:
            return done + rest
    return done
