"""What goes wrong during a soak: each a coroutine function of the world, drawn by its seed."""

import os
import random
import signal
from collections.abc import Awaitable, Callable

import attrs
import trio

from trunkline.simulator import Fault, Plan, Simulator


@attrs.define
class World:
    """What a fault may touch."""

    simulator: Simulator
    rng: random.Random
    host_pid: int
    push: Callable[[int], None]
    """Send so many events at once."""
    plan: Plan = attrs.Factory(Plan)
    """What the next connections through the proxy meet."""


Doing = Callable[[World], Awaitable[None]]


def close(code: int | None) -> Doing:
    """The server ends every socket."""

    async def do(world: World) -> None:
        world.simulator.close_all(code)
        await trio.lowlevel.checkpoint()

    return do


def link(*faults: Fault) -> Doing:
    """The next connection has these faults; the present one is cut."""

    async def do(world: World) -> None:
        world.plan = Plan(faults, world.rng.randrange(1 << 30))
        world.simulator.close_all(None)
        await trio.sleep(3)
        world.plan = Plan()

    return do


async def restart(world: World) -> None:
    """A deploy: 1012, and away for a while."""
    world.simulator.restart(world.rng.uniform(0, 3))
    await trio.lowlevel.checkpoint()


async def refuse(world: World) -> None:
    """The server's database is down: good tokens are refused."""
    world.simulator.refuse_tokens = True
    world.simulator.close_all(None)
    await trio.sleep(1.5)
    world.simulator.refuse_tokens = False


async def deafen(world: World) -> None:
    """Pings go unanswered, though bytes flow."""
    world.simulator.answers_pings = False
    await trio.sleep(5)
    world.simulator.answers_pings = True
    world.simulator.close_all(None)  # an unanswered ping would be found in 60 s only


async def garble(world: World) -> None:
    """Frames that no server should send."""
    for text in ("{", "[]", "null", '{"type":7}', "\x00", '{"type":"command_ack"}', "[" * 5000):
        world.simulator.push_text(text)
        await trio.sleep(0.05)


async def flood(world: World) -> None:
    """As fast as the server can, for a moment."""
    for _ in range(100):
        world.push(200)
        await trio.sleep(0.01)


async def freeze(world: World) -> None:
    """The host stands still, as on a laptop that sleeps."""
    os.kill(world.host_pid, signal.SIGSTOP)
    await trio.sleep(world.rng.uniform(1, 4))
    os.kill(world.host_pid, signal.SIGCONT)


#: {name: what happens}
FAULTS: dict[str, Doing] = {
    "end of file": close(None),
    "close 1000": close(1000),
    "close 1001": close(1001),
    "close 1011": close(1011),
    "restart": restart,
    "tokens refused": refuse,
    "pings unanswered": deafen,
    "garbage": garble,
    "flood": flood,
    "host frozen": freeze,
    "reset": link(Fault(kind="reset", at=1.0)),
    "cut inside a frame": link(Fault(kind="cut", direction="out", at_byte=20_001)),
    "slices": link(Fault(kind="slice", size=7)),
    "latency": link(Fault(kind="delay", latency=0.05, jitter=0.04)),
    "flipped bits": link(Fault(kind="corrupt", direction="out", at_byte=30_000)),
    "black hole": link(Fault(kind="mute", at=1.0), Fault(kind="reset", at=2.5)),
    "server stops reading": link(Fault(kind="stall", direction="in", at=0.5)),
}
