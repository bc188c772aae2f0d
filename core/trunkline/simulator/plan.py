"""Network faults as data, and what they do to the bytes of one direction; pure.

`in` and `out` are seen from the stream that is wrapped: what is read from it, what is written.
"""

import math
import random
import re
from collections.abc import Iterable
from enum import Enum
from typing import Any, Literal, Self, get_args

import attrs

from trunkline.errors import UsageError

Kind = Literal["mute", "half_open", "stall", "cut", "slice", "delay", "corrupt", "reset"]
Direction = Literal["in", "out", "both"]

#: Faults of one way only, unless told otherwise; all others concern both.
ONE_WAY: frozenset[Kind] = frozenset({"half_open", "stall"})

_NUMBER = r"\d+(?:\.\d+)?"
#: The groups but `value` are named like the fields of `Fault`.
_TEXT = re.compile(
    rf"(?P<kind>[a-z_]+)(?:=(?P<value>{_NUMBER}))?(?::(?P<direction>in|out|both))?"
    rf"(?:@(?:(?P<at_byte>\d+)b|(?P<at>{_NUMBER})s|(?P<rate>{_NUMBER})/b))?"
)


@attrs.frozen(kw_only=True)
class Fault:
    """One thing that goes wrong: at a byte, at a time, at a rate, or from the start.

    `mute` nothing passes either way, the stream stays open. `half_open` what one way carries is
    lost. `stall` one way stands still, so its writer blocks. `cut` end of file. `reset` the
    connection breaks. `slice` a few bytes at a time. `delay` latency and bandwidth. `corrupt`
    flips one bit.
    """

    kind: Kind
    direction: Direction = attrs.field()
    at_byte: int | None = None
    """After so many bytes of its direction."""
    at: float | None = None
    """s after the stream was wrapped."""
    rate: float | None = None
    """The chance of each byte to be the one; `corrupt` goes on, all others happen once."""
    size: int = 1
    """Bytes at a time (`slice`)."""
    latency: float = 0.0
    """s for each piece (`delay`)."""
    jitter: float = 0.0
    """s, more or less than `latency`, evenly."""
    bandwidth: float = math.inf
    """Bytes per second (`delay`)."""

    @direction.default
    def _direction(self) -> Direction:
        return "out" if self.kind in ONE_WAY else "both"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `KIND[=VALUE][:DIRECTION][@WHEN]`: `cut@1000b`, `stall:in@5s`, `corrupt@0.001/b`.

        VALUE is the bytes of `slice`, the latency of `delay`.

        Raises:
            UsageError: anything else.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None or match["kind"] not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise UsageError(
                f"no fault {text!r}; write KIND[=VALUE][:DIRECTION][@WHEN], of {kinds}"
            )
        settings: dict[str, Any] = {"kind": match["kind"]}
        if match["direction"]:
            settings["direction"] = match["direction"]
        if match["value"]:
            settings["size"] = max(1, int(float(match["value"])))
            settings["latency"] = float(match["value"])
        if match["at_byte"]:
            settings["at_byte"] = int(match["at_byte"])
        settings |= {key: float(match[key]) for key in ("at", "rate") if match[key]}
        return cls(**settings)

    def has_begun(self, passed: int, elapsed: float) -> bool:
        """Tell whether it is its turn, after so many bytes and so many seconds."""
        if self.at_byte is None and self.at is None:
            return True
        return (self.at_byte is not None and passed >= self.at_byte) or (
            self.at is not None and elapsed >= self.at
        )

    def drawn(self, rng: random.Random, passed: int) -> "Fault":
        """Return it with its rate turned into the next byte that it hits."""
        if self.rate is None:
            return self
        misses = int(math.log(1.0 - rng.random()) / math.log(1.0 - min(self.rate, 0.999)))
        return attrs.evolve(self, at_byte=passed + misses)


@attrs.frozen
class Plan:
    """What goes wrong with one stream; the same seed draws the same bytes."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Self:
        """Read faults with commas between them.

        Raises:
            UsageError: one of them is none.
        """
        return cls(tuple(Fault.parse(part) for part in text.split(",") if part.strip()), seed)


class Passage(Enum):
    """What a direction does with its bytes."""

    #: They arrive, perhaps late, in pieces, or damaged.
    OPEN = "open"
    #: They are lost.
    LOST = "lost"
    #: They wait for ever.
    HELD = "held"
    #: The stream has ended.
    CUT = "cut"
    #: The connection is broken.
    RESET = "reset"


_PASSAGES: dict[Kind, Passage] = {
    "mute": Passage.LOST,
    "half_open": Passage.LOST,
    "stall": Passage.HELD,
    "cut": Passage.CUT,
    "reset": Passage.RESET,
}


class Way:
    """One direction of a stream: how many bytes have passed, and what happens to the next."""

    def __init__(self, faults: Iterable[Fault], rng: random.Random) -> None:
        self._rng = rng
        self._waiting = [fault.drawn(rng, 0) for fault in faults]
        self._active: list[Fault] = []  # slices and delays
        self._flips = 0
        self.passed = 0
        self.passage = Passage.OPEN

    @property
    def next_at(self) -> float:
        """When the next fault begins that waits for a time; seconds after the wrapping."""
        return min((f.at for f in self._waiting if f.at is not None), default=math.inf)

    def advance(self, elapsed: float) -> None:
        """Let every fault begin whose turn it is."""
        begun = [fault for fault in self._waiting if fault.has_begun(self.passed, elapsed)]
        for fault in begun:
            self._waiting.remove(fault)
            if fault.kind in _PASSAGES:
                self.passage = _PASSAGES[fault.kind]
            elif fault.kind == "corrupt":
                self._flips += 1
                if fault.rate is not None:
                    self._waiting.append(fault.drawn(self._rng, self.passed + 1))
            else:
                self._active.append(fault)

    def room(self, count: int) -> int:
        """Return how many of `count` bytes go in one piece, before the next fault begins."""
        sizes = [fault.size for fault in self._active if fault.kind == "slice"]
        turns = [f.at_byte - self.passed for f in self._waiting if f.at_byte is not None]
        return min(count, *sizes, *turns) if sizes or turns else count

    def pause(self, count: int) -> float:
        """Return how long a piece of `count` bytes takes, in seconds."""
        delays = [fault for fault in self._active if fault.kind == "delay"]
        return sum(
            max(0.0, each.latency + self._rng.uniform(-each.jitter, each.jitter))
            + count / each.bandwidth
            for each in delays
        )

    def carry(self, piece: bytes | bytearray) -> bytes | bytearray:
        """Count a piece as passed; return what arrives of it."""
        self.passed += len(piece)
        if not self._flips:
            return piece
        self._flips = 0
        damaged = bytearray(piece)
        damaged[0] ^= 1 << self._rng.randrange(8)
        return damaged
