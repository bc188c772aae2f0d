"""C1 to C24: what a peer says below JSON, and what becomes of it (reliability §10).

A case is said after the upgrade, as pieces of bytes with a pause before each.
"""

import struct
from collections.abc import Iterator

import attrs
from tests.contract.corpus.peer import Pieces, at_once
from transport_bench import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, frame

from trunkline.connection.close_policy import Verdict
from trunkline.errors import LossKind

LIMIT = 1 << 20  # bytes of a message, for every case here


@attrs.frozen(kw_only=True)
class Ending:
    """How the connection ends, as the client sees it and as the wire shows it."""

    kind: LossKind = "protocol"
    codes: frozenset[int]
    """More than one where the scheduler decides (T9)."""
    ours: bool = True
    """We close it: our Close, masked, with the code, is the last thing on the wire."""
    verdict: Verdict = Verdict.SLOW
    since: float = 0.0
    """Seconds after the first byte at which it ends, not earlier."""
    until: float = 0.1
    """And not later."""


@attrs.frozen
class Case:
    """One bad input."""

    number: int
    letter: str
    what: str
    pieces: Pieces = attrs.field(repr=False)
    ending: Ending
    is_small: bool = True
    """It can also be said byte by byte."""
    """What is known to be wrong with us here."""

    @property
    def id(self) -> str:
        """The number as the design writes it, with the letter."""
        return f"C{self.number:02}{self.letter}"


def endless_empty_fragments() -> Iterator[tuple[float, bytes]]:
    """Begin a message and never end it; each fragment costs the peer two bytes."""
    yield 0.0, frame(TEXT, b"", fin=False)
    while True:
        yield 0.0, frame(CONTINUATION, b"", fin=False) * 500


def dripping() -> Iterator[tuple[float, bytes]]:
    """One byte of a message in a second."""
    for byte in frame(TEXT, b"x" * 1000):
        yield 1.0, bytes([byte])


def dripping_fragments() -> Iterator[tuple[float, bytes]]:
    """A whole fragment in a second: something is finished all the time, the message is not."""
    yield 0.0, frame(TEXT, b"x", fin=False)
    while True:
        yield 1.0, frame(CONTINUATION, b"x", fin=False)


def header_of(payload_bytes: int) -> bytes:
    """Return the header of a text frame whose payload never comes."""
    return bytes([0x80 | TEXT, 127]) + struct.pack("!Q", payload_bytes)


def announced_slowly() -> Iterator[tuple[float, bytes]]:
    """Announce 2^62 bytes and send them one in a second."""
    yield 0.0, header_of(1 << 62)
    while True:
        yield 1.0, b"x"


def announced() -> Iterator[tuple[float, bytes]]:
    """Announce 2^62 bytes and begin to send them, as fast as they are taken."""
    yield 0.0, header_of(1 << 62)
    while True:
        yield 0.0, b"x" * 65_536


def fragmented(size: int, count: int) -> bytes:
    """Return a message of `size` bytes in `count` fragments."""
    each, rest = divmod(size, count)
    parts = [b"x" * (each + (number < rest)) for number in range(count)]
    return b"".join(
        frame(CONTINUATION if number else TEXT, part, fin=number == count - 1)
        for number, part in enumerate(parts)
    )


BROKEN = Ending(codes=frozenset({1002}))
NOT_UTF8 = Ending(codes=frozenset({1007}))
TOO_LARGE = Ending(kind="limit", codes=frozenset({1009}), verdict=Verdict.RETRY)
TOO_LONG = Ending(kind="limit", codes=frozenset({1008}), verdict=Verdict.RETRY, until=1.0)
#: Four seconds more: the time begins again when the header is whole (its bytes drip, too).
DRIPPED = attrs.evolve(TOO_LONG, since=29.0, until=34.5)
TOO_LARGE_OR_LONG = attrs.evolve(TOO_LARGE, codes=frozenset({1008, 1009}), until=31.0)
ESCAPES = b"\x1b[2J\r\n\x07" * 15 + b"end"  # 123 bytes
THEIRS = Ending(kind="closed", codes=frozenset({1000}), ours=False, verdict=Verdict.RETRY)
OVER_LIMIT = frame(TEXT, b"x" * (LIMIT + 1))

#: Each ends the connection.
CASES = (
    Case(1, "a", "text with reserved bit 1", at_once(frame(TEXT, b"a", reserved=4)), BROKEN),
    Case(1, "b", "ping with reserved bit 1", at_once(frame(PING, b"a", reserved=4)), BROKEN),
    Case(2, "", "text with reserved bit 2", at_once(frame(TEXT, b"a", reserved=2)), BROKEN),
    Case(3, "", "text with reserved bit 3", at_once(frame(TEXT, b"a", reserved=1)), BROKEN),
    Case(4, "a", "opcode 3", at_once(frame(3, b"a")), BROKEN),
    Case(4, "b", "opcode 0xB", at_once(frame(0xB, b"a")), BROKEN),
    Case(5, "a", "masked text", at_once(frame(TEXT, b"a", masked=True)), BROKEN),
    Case(5, "b", "masked ping", at_once(frame(PING, b"a", masked=True)), BROKEN),
    Case(6, "a", "continuation of nothing", at_once(frame(CONTINUATION, b"a")), BROKEN),
    Case(
        6, "b", "continuation after the end",
        at_once(frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b"), frame(CONTINUATION, b"c")),
        BROKEN,
    ),
    Case(
        7, "a", "text inside a fragmented message",
        at_once(frame(TEXT, b"a", fin=False), frame(TEXT, b"b")), BROKEN,
    ),
    Case(
        7, "b", "binary inside a fragmented text",
        at_once(frame(TEXT, b"a", fin=False), frame(BINARY, b"b")), BROKEN,
    ),
    Case(8, "a", "fragmented ping", at_once(frame(PING, b"a", fin=False)), BROKEN),
    Case(8, "b", "fragmented Close", at_once(frame(CLOSE, b"\x03\xe8", fin=False)), BROKEN),
    Case(9, "a", "ping of 126 bytes", at_once(frame(PING, b"p" * 126)), BROKEN),
    Case(9, "b", "Close of 126 bytes", at_once(close(1000, b"x" * 124)), BROKEN),
    Case(10, "a", "64-bit length with its top bit", at_once(header_of(1 << 63)), BROKEN),
    Case(10, "b", "64-bit length of all ones", at_once(header_of((1 << 64) - 1)), BROKEN),
    Case(11, "a", "5 bytes as 16-bit length", at_once(frame(TEXT, b"abcde", form=16)), BROKEN),
    Case(11, "b", "5 bytes as 64-bit length", at_once(frame(TEXT, b"abcde", form=64)), BROKEN),
    Case(11, "c", "300 bytes as 64-bit length", at_once(frame(TEXT, b"a" * 300, form=64)), BROKEN),
    Case(12, "", "Close of one byte", at_once(frame(CLOSE, b"\x03")), BROKEN),
    Case(13, "a", "Close 999", at_once(close(999)), BROKEN),
    Case(13, "b", "Close 1004", at_once(close(1004)), BROKEN),
    Case(13, "c", "Close 1005", at_once(close(1005)), BROKEN),
    Case(13, "d", "Close 1006", at_once(close(1006)), BROKEN),
    Case(13, "e", "Close 0", at_once(close(0)), BROKEN),
    Case(14, "", "Close reason not UTF-8", at_once(close(1000, b"\xff\xfe")), NOT_UTF8),
    Case(15, "", "Close reason of escape sequences", at_once(close(1000, ESCAPES)), THEIRS),
    Case(16, "a", "text that is not UTF-8", at_once(frame(TEXT, b"\xff\xfe")), NOT_UTF8),
    Case(16, "b", "text cut inside a character", at_once(frame(TEXT, b"ok\xe2\x82")), NOT_UTF8),
    Case(16, "c", "a surrogate as UTF-8", at_once(frame(TEXT, b"\xed\xa0\x80")), NOT_UTF8),
    Case(
        17, "", "not UTF-8 over fragments, no end",
        at_once(frame(TEXT, b"\xc3", fin=False), frame(CONTINUATION, b"\x28", fin=False)), NOT_UTF8,
    ),
    Case(18, "a", "limit + 1 bytes in one frame", at_once(OVER_LIMIT), TOO_LARGE, is_small=False),
    Case(
        18, "b", "limit + 1 bytes in 10,000 fragments", at_once(fragmented(LIMIT + 1, 10_000)),
        TOO_LARGE, is_small=False,
    ),
    Case(
        19, "", "two such in one read", at_once(OVER_LIMIT, OVER_LIMIT), TOO_LARGE,
        is_small=False,
    ),
    Case(20, "", "endless empty fragments", endless_empty_fragments, TOO_LONG, is_small=False),
    Case(21, "a", "a message at 1 B/s", dripping, DRIPPED, is_small=False),
    Case(21, "b", "a message at a fragment a second", dripping_fragments, DRIPPED, is_small=False),
    Case(
        22, "a", "2^62 bytes announced, one in a second", announced_slowly, TOO_LARGE_OR_LONG,
        is_small=False,
    ),
    Case(
        22, "b", "2^62 bytes announced, as fast as they are taken", announced,
        TOO_LARGE_OR_LONG, is_small=False,
    ),
)  # fmt: skip


@attrs.frozen
class Harmless:
    """An input that costs nothing but its handling."""

    number: int
    letter: str
    what: str
    said: bytes = attrs.field(repr=False)
    """Events, `e0` to the last, among what is bad."""
    events: int
    answers: tuple[tuple[int, bytes], ...] = attrs.field(repr=False)
    """(opcode, payload) that we write, in order."""

    @property
    def id(self) -> str:
        """The number as the design writes it, with the letter."""
        return f"C{self.number:02}{self.letter}"


#: C23 asks for 100,000 in a second; a twentieth is what the whole corpus has time for.
PINGS = 5_000
EVENT_EVERY = 100  # pings


def flood() -> bytes:
    """Return pings, each of its own, with an event among every hundred."""
    return b"".join(
        frame(PING, b"p%d" % number)
        + (frame(TEXT, b"e%d" % (number // EVENT_EVERY)) if number % EVENT_EVERY == 0 else b"")
        for number in range(PINGS)
    )


KEPT = (
    Harmless(
        23, "", "pings without end", flood(), PINGS // EVENT_EVERY,
        tuple((PONG, b"p%d" % number) for number in range(PINGS)),
    ),
    Harmless(24, "a", "an unasked pong", frame(PONG, b"x") + frame(TEXT, b"e0"), 1, ()),
    Harmless(24, "b", "an empty pong", frame(PONG) + frame(TEXT, b"e0"), 1, ()),
    Harmless(
        24, "c", "repeated pongs, also inside a message",
        frame(TEXT, b"e", fin=False) + frame(PONG, b"x") * 3 + frame(CONTINUATION, b"0")
        + frame(PONG, b"x") * 3 + frame(TEXT, b"e1"), 2, (),
    ),
)  # fmt: skip
