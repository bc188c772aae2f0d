"""C25 to C33: answers to the upgrade that are none, and what becomes of them (reliability §10)."""

from collections.abc import Callable
from typing import Literal

import attrs
from transport_bench import answer

from trunkline.connection.close_policy import Verdict
from trunkline.errors import LossKind

CANARY = b"canary"  # stands in the peer's words, and nowhere in ours
OPEN, END = "open", "end"  # what the peer does after its answer


@attrs.frozen(kw_only=True)
class Refused:
    """How the attempt ends."""

    kind: LossKind = "protocol"
    status: int | None = None
    hint: float | None = None
    """The patience that the peer asked for, as it comes out of the transport; to 1 %."""
    verdict: Verdict = Verdict.SLOW
    longest_wait: float = 360.0
    """Seconds to the next attempt at most; 300 s and their spread."""
    until: float = 0.1
    """Seconds after which it is over."""


@attrs.frozen
class Case:
    """One bad answer."""

    number: int
    letter: str
    what: str
    reply: Callable[[bytes], bytes] = attrs.field(repr=False)
    """From our request to the peer's answer."""
    outcome: Refused
    then: Literal["open", "end"] = "open"

    @property
    def id(self) -> str:
        """The number as the design writes it, with the letter."""
        return f"C{self.number:02}{self.letter}"


def with_header(line: bytes) -> Callable[[bytes], bytes]:
    """Return the right answer with one header more."""
    return lambda request: answer(request, more=line + b"\r\n")


def always(data: bytes) -> Callable[[bytes], bytes]:
    """Return the same answer to every request."""
    return lambda _: data


def status(line: bytes, *headers: bytes, body: bytes = b"") -> Callable[[bytes], bytes]:
    """Return a whole HTTP answer."""
    fields = [*headers, b"Content-Length: %d" % len(body)]
    return always(b"HTTP/1.1 " + line + b"\r\n" + b"\r\n".join(fields) + b"\r\n\r\n" + body)


ODD = Refused()
BUSY = Refused(kind="rejected", status=503, verdict=Verdict.BUSY)
YEAR_9999 = 251.6e9  # seconds from now to then
UNLIMITED = 9_999_999_999.0  # what is left of a hint that has too many digits

CASES = (
    Case(25, "a", "wrong accept key", lambda request: answer(request, accept=CANARY), ODD),
    Case(
        25, "b", "no accept key",
        always(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), ODD,
    ),
    Case(
        26, "a", "unasked extension",
        with_header(b"Sec-WebSocket-Extensions: permessage-deflate"), ODD,
    ),
    Case(26, "b", "unasked subprotocol", with_header(b"Sec-WebSocket-Protocol: canary"), ODD),
    Case(27, "a", "byte 0xE9 in a subprotocol", with_header(b"Sec-WebSocket-Protocol: \xe9"), ODD),
    Case(27, "b", "byte 0xE9 in the Upgrade header", with_header(b"Upgrade: canary\xe9"), ODD),
    Case(
        28, "", "status 200", status(b"200 OK", body=CANARY),
        Refused(kind="rejected", status=200),
    ),
    Case(
        29, "", "302 to the metadata service",
        status(b"302 Found", b"Location: http://169.254.169.254/canary"),
        Refused(kind="rejected", status=302),
    ),
    Case(
        30, "a", "503, hint of three years", status(b"503 Busy", b"Retry-After: 99999999"),
        attrs.evolve(BUSY, hint=99_999_999.0),
    ),
    Case(
        30, "b", "503, hint of 5,000 digits", status(b"503 Busy", b"Retry-After: " + b"9" * 5000),
        attrs.evolve(BUSY, hint=UNLIMITED),
    ),
    Case(30, "c", "503, hint is text", status(b"503 Busy", b"Retry-After: canary"), BUSY),
    Case(30, "d", "503, hint is negative", status(b"503 Busy", b"Retry-After: -5"), BUSY),
    Case(30, "e", "503, hint is no ASCII", status(b"503 Busy", b"Retry-After: \xb2\xe9"), BUSY),
    Case(
        30, "f", "503, hint is a date of the year 9999",
        status(b"503 Busy", b"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"),
        attrs.evolve(BUSY, hint=YEAR_9999),
    ),
    Case(
        30, "g", "503, hint is a date that cannot be",
        status(b"503 Busy", b"Retry-After: Wed, 99 Foo 2015 07:28:00 GMT"), BUSY,
    ),
    Case(31, "a", "header of 200 KiB", with_header(b"A: " + CANARY + b"x" * 200 * 1024), ODD),
    Case(31, "b", "rejection with a body of 200 KiB (T10)", status(b"403 No", body=CANARY * 35_000), ODD),
    Case(32, "a", "garbage", always(CANARY + b"\x00\xff\r\n\r\n"), ODD),
    Case(32, "b", "HTTP/2 preface", always(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ODD),
    Case(
        33, "a", "end of file", always(b""),
        Refused(kind="upgrade", verdict=Verdict.RETRY), then="end",
    ),
    Case(
        33, "b", "end of file in the middle",
        lambda request: answer(request)[:40],
        Refused(kind="upgrade", verdict=Verdict.RETRY), then="end",
    ),
    Case(
        33, "c", "silence", always(b""),
        Refused(kind="timeout", verdict=Verdict.RETRY, until=10.1),
    ),
)  # fmt: skip
