"""What goes wrong with a simulator by itself, as options of `simulate` and `demo`."""

import random
from collections.abc import Callable
from typing import Protocol

import attrs
import trio

from trunkline.simulator.plan import Fault, Plan

#: Frames that a server should never send; a client drops and counts them.
MALFORMED = ('{"type":"status_upd', "[1,2,3]", "null", "", '{"payload":{}}', '{"type":7}', "\x00")


@attrs.frozen(kw_only=True)
class Faults:
    """Which faults, and how often; None: never. All times in seconds."""

    drop_every: float | None = None
    """Every socket ends without a Close frame."""
    restart_every: float | None = None
    """Every socket is closed with 1012, and nobody is let in for `restart_time`."""
    restart_time: float = 3.0
    malformed_every: float | None = None
    """Every socket gets a frame that is no message."""
    half_open_after: float | None = None
    """From so long after the start of a connection, what the server sends is lost."""
    slow: float = 0.0
    """How much later every piece of bytes arrives, both ways."""
    refuse_tokens: bool = False
    """No token is good."""
    plan: Plan = attrs.field(factory=Plan)
    """What goes wrong with the stream of each connection."""

    def stream_plan(self, number: int) -> Plan:
        """Return the plan for the connection of this number; each draws its own bytes."""
        faults = self.plan.faults
        if self.half_open_after is not None:
            faults += (Fault(kind="half_open", at=self.half_open_after),)
        if self.slow:
            faults += (Fault(kind="delay", latency=self.slow),)
        return Plan(faults, self.plan.seed + number)


class Victim(Protocol):
    """A simulator as its faults see it."""

    def close_all(self, code: int | None) -> None:
        """End every socket."""

    def restart(self, seconds: float) -> None:
        """Close with 1012, and let nobody in for so long."""

    def push_text(self, text: str) -> None:
        """Send a frame as it is to every socket."""


async def cause(faults: Faults, victim: Victim, rng: random.Random) -> None:
    """Let the faults happen, until cancelled."""
    doings: tuple[tuple[float | None, Callable[[], None]], ...] = (
        (faults.drop_every, lambda: victim.close_all(None)),
        (faults.restart_every, lambda: victim.restart(faults.restart_time)),
        (faults.malformed_every, lambda: victim.push_text(rng.choice(MALFORMED))),
    )
    async with trio.open_nursery() as nursery:
        for interval, do in doings:
            if interval is not None:
                nursery.start_soon(_repeat, interval, do)


async def _repeat(interval: float, do: Callable[[], None]) -> None:
    while True:
        await trio.sleep(interval)
        do()
