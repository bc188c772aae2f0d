"""What the bytes of a WebSocket mean, as far as speed and safety need it; pure.

Two rules. It takes out only what needs no protocol work: final, unmasked, uncompressed text
frames, whole, within the limit, valid UTF-8, while nothing that was handed on is unfinished.
Every other byte is handed on unchanged and in order, so that the library stays the one judge of
the protocol; at the first thing it cannot judge it takes nothing out any more.

It also knows how much of a message is unfinished, which the library does not tell (G2, G3).
"""

import re
import struct

import attrs

HEAD_END = re.compile(rb"\n\r?\n")  # as the library's parser sees it (RFC 9112 §2.2)
UPGRADED = b"HTTP/1.1 101"
HOLD_LIMIT = 64 * 1024  # bytes; a longer frame that is not whole in its chunk is handed on
LEAST_CHARGE = 64  # bytes that a fragment counts at least: empty ones cost memory too

CONTINUATION, TEXT, CLOSE = 0x0, 0x1, 0x8
CONTROL_OPCODES = frozenset({0x8, 0x9, 0xA})
FIN, RESERVED, OPCODE, MASKED, LENGTH = 0x80, 0x70, 0x0F, 0x80, 0x7F
SIMPLE_TEXT = FIN | TEXT
LENGTH_16 = 126  # two more bytes hold the length; 127: eight more
LEAST_LENGTH = {2: 0, 4: LENGTH_16, 10: 1 << 16}  # {bytes of header: least minimal length}
LEAST_HEADER = 2  # bytes
HEADER_16 = 4  # bytes, with a length of two bytes
read_header = struct.Struct("!HH").unpack_from
TEXT_0 = SIMPLE_TEXT << 8  # its first two bytes where there is no payload; one more for each byte
TEXT_16 = TEXT_0 | LENGTH_16  # where the next two bytes hold the length
CODE = 2  # bytes of a close code
CONTROL_LIMIT = 125  # bytes of payload (RFC 6455 §5.5)
ZERO_MASK = bytes(4)


def close_frame(code: int) -> bytes:
    """Return the masked Close frame of a client, with a code and no reason."""
    return bytes([FIN | CLOSE, MASKED | 2]) + ZERO_MASK + struct.pack("!H", code)


@attrs.frozen
class Frame:
    """The header of one frame."""

    first: int
    """Its first byte: final, reserved bits, opcode."""
    header_bytes: int
    payload_bytes: int

    @property
    def size(self) -> int:
        """Bytes of header and payload."""
        return self.header_bytes + self.payload_bytes

    @property
    def opcode(self) -> int:
        """What kind of frame it is."""
        return self.first & OPCODE

    @property
    def is_data(self) -> bool:
        """It belongs to a message."""
        return self.opcode not in CONTROL_OPCODES

    @property
    def is_final(self) -> bool:
        """It is the last one of its message."""
        return bool(self.first & FIN)


class Lane:
    """Walks the frames of one socket; `feed` is given every chunk that arrives."""

    def __init__(self, max_message_bytes: int, *, takes: bool = True) -> None:
        """With `takes=False` everything is handed on, and only the walk is done."""
        self._limit = max_message_bytes
        self._takes = takes
        self._head: bytearray | None = bytearray()  # of the HTTP answer; None once it has ended
        self._is_shut = False
        self._held = b""  # the beginning of a frame, not handed on yet
        self._missing = 0  # bytes that end it, where its header is whole
        self._passing: Frame | None = None  # the frame in the middle of which the last chunk ended
        self._passing_left = 0  # bytes of it that have not come yet
        self._in_message = False
        self._fragment_bytes = 0  # charge of the finished fragments of an unfinished message
        self.is_upgraded = False
        """The HTTP part is over, and was no rejection."""
        self.handed_count = 0
        """Whole data messages among the bytes that were handed on."""
        self.message_number = 0
        """Grows with each data message that is begun; tells unfinished ones apart."""
        self._peer_code = bytearray()
        self._code_left = 0  # bytes of it that have not come yet

    @property
    def unfinished_bytes(self) -> int:
        """What the unfinished data message counts so far; 0 where there is none (G2)."""
        partial = len(self._held)
        if self._passing is not None and self._passing.is_data:
            partial = self._passing.size - self._passing_left
        return self._fragment_bytes + partial

    @property
    def peer_code(self) -> int | None:
        """The code of the peer's Close, once it is here; None where it has none, or is malformed."""
        return int.from_bytes(self._peer_code, "big") if len(self._peer_code) == CODE else None

    def shut(self) -> None:
        """Take nothing out any more."""
        self._is_shut = True

    def flush(self) -> bytes:
        """Return what is held back; at the end of the stream the library gets it."""
        held, self._held = self._held, b""
        return held

    def feed(self, chunk: bytes) -> tuple[list[bytes], bytes]:
        """Return the payloads that were taken out, and the bytes that go on."""
        if self._head is not None:
            return self._feed_head(self._head, chunk)
        if self._is_shut:
            self._read_code(chunk)
            return [], self.flush() + chunk
        payloads: list[bytes] = []
        held, missing = self.flush(), self._missing
        if held and self._take_run(held + chunk[:missing], 0, payloads):
            return self._walk(chunk, missing, payloads)
        return self._walk(held + chunk, 0, payloads)

    def _feed_head(self, head: bytearray, chunk: bytes) -> tuple[list[bytes], bytes]:
        """Look for the end of the HTTP answer, which may straddle chunks (G8)."""
        before = len(head)
        head += chunk
        found = HEAD_END.search(head, max(0, before - 2))
        if found is None:
            return [], chunk
        end = found.end() - before
        self._head = None
        if not head.startswith(UPGRADED):
            self._is_shut = True  # a rejection: what follows is a body, not frames
            return [], chunk
        self.is_upgraded = True
        payloads, rest = self._walk(chunk, end, [])
        return payloads, chunk[:end] + rest

    def _walk(self, data: bytes, at: int, payloads: list[bytes]) -> tuple[list[bytes], bytes]:
        """Walk from `at` on: add to the payloads, and return the bytes that go on."""
        rest: list[bytes] = []
        # the end of a message that was handed on shuts the chunk like its beginning does
        is_open = self._takes and (self._passing is None or not self._passing.is_data)
        start, end = at, len(data)
        at += self._pass_on(end - at)
        is_open = is_open and not self._in_message
        while at < end:
            if is_open and (stop := self._take_run(data, at, payloads)) > at:
                rest.append(data[start:at])
                at = start = stop
                continue
            frame = self._frame(data, at)
            if frame is None or (is_open and self._is_worth_holding(frame, end - at)):
                rest.append(data[start:at])
                self._held, start = data[at:], end
                self._missing = 0 if frame is None else frame.size - len(self._held)
                break
            if self._is_shut:
                self._read_code(data[at + frame.header_bytes :])
                break
            if frame.is_data:
                is_open = False  # until the library has delivered the message
                self._begin(frame)
            self._passing, self._passing_left = frame, frame.size
            at += self._pass_on(end - at)
        rest.append(data[start:])
        return payloads, b"".join(rest)

    def _read_code(self, data: bytes) -> None:
        self._peer_code += data[: self._code_left]
        self._code_left = CODE - len(self._peer_code) if self._code_left else 0

    def _take_run(self, data: bytes, at: int, payloads: list[bytes]) -> int:
        """Take whole simple text frames from `at` on; return where the run ends.

        Each message passes here, so it is written out, and one call reads both lengths.
        """
        begin, end, limit = len(payloads), len(data), self._limit
        last = end - HEADER_16  # where a header with a length of two bytes may still begin
        while True:
            if at <= last:
                head, length = read_header(data, at)
            elif end - at >= LEAST_HEADER:
                head, length = data[at] << 8 | data[at + 1], 0
            else:
                break
            if head == TEXT_16:
                if length < LENGTH_16:
                    break  # not minimal, or not whole
                payload_at = at + HEADER_16
            else:
                length = head - TEXT_0
                if not 0 <= length < LENGTH_16:
                    break  # no simple text, or longer than what is ever whole in a chunk
                payload_at = at + LEAST_HEADER
            stop = payload_at + length
            if stop > end or length > limit:
                break
            payload = data[payload_at:stop]
            if not payload.isascii() and not _is_utf8(payload):
                break
            payloads.append(payload)
            at = stop
        self.message_number += len(payloads) - begin
        return at

    def _is_worth_holding(self, frame: Frame, available: int) -> bool:
        """Tell whether the rest of a frame may make it one to take out (G7)."""
        return (
            frame.first == SIMPLE_TEXT
            and available < frame.size <= HOLD_LIMIT
            and frame.payload_bytes <= self._limit
            and not self._is_shut
        )

    def _pass_on(self, available: int) -> int:
        """Count bytes of the frame that is being handed on; return how many they are."""
        frame = self._passing
        if frame is None:
            return 0
        count = min(self._passing_left, available)
        self._passing_left -= count
        if not self._passing_left:
            self._passing = None
            if frame.is_data:
                self._finish(frame)
        return count

    def _begin(self, frame: Frame) -> None:
        if frame.opcode != CONTINUATION:
            self.message_number += 1
            self._in_message = True

    def _finish(self, frame: Frame) -> None:
        if frame.is_final:
            self._in_message = False
            self._fragment_bytes = 0
            self.handed_count += 1
        else:
            self._fragment_bytes += max(LEAST_CHARGE, frame.size)

    def _frame(self, data: bytes, at: int) -> Frame | None:
        """Read a header; None where it is not whole. Shuts at what the library must judge."""
        available = len(data) - at
        if available < 2:
            return None
        first, second = data[at], data[at + 1]
        length, header_bytes = second & LENGTH, 2
        if length >= LENGTH_16:
            header_bytes = 4 if length == LENGTH_16 else 10
            if available < header_bytes:
                return None
            length = int.from_bytes(data[at + 2 : at + header_bytes], "big")
        frame = Frame(first, header_bytes, length)
        if second & MASKED or self._is_beyond_us(frame):
            self._is_shut = True
        return frame

    def _is_beyond_us(self, frame: Frame) -> bool:
        if frame.first & RESERVED or frame.payload_bytes < LEAST_LENGTH[frame.header_bytes]:
            return True
        if frame.payload_bytes >= 1 << 63:
            return True
        match frame.opcode:
            case 0x8:
                if frame.is_final and CODE <= frame.payload_bytes <= CONTROL_LIMIT:
                    self._code_left = CODE
                return True
            case 0x9 | 0xA:
                return not frame.is_final or frame.payload_bytes > CONTROL_LIMIT
            case 0x0:
                return not self._in_message
            case 0x1 | 0x2:
                return self._in_message
            case _:
                return True


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
