"""S18: whatever a server sends, it commands nothing; commands come from rules and people."""

import json
import random
from collections.abc import Iterator
from typing import Any

import trio

from trunkline.simulator import ACCOUNT_A, Approval
from trunkline.testing import HostFactory

NAMES = ("flow", "approval", "activity", "system")
MESSAGES = 10_000
WIRED = 500  # of these come over the socket; the others, for the sake of time, from behind it
BATCH = 200  # so that no queue is full
#: What a host sends by itself: the greeting, the heartbeat, its own activity.
HARMLESS = {"authenticate", "ping", "pong", "activity"}
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 1e300, "", "stop", "approve", "\x1b[2J", [], {}, ["x"], {"command": "stop"}),
    *("RUNNING", "pending", "approved", "2026-01-01T00:00:00", "approval_created", "command"),
)


def fuzzed(frames: tuple[dict[str, Any], ...], ids: list[str]) -> Iterator[dict[str, Any]]:
    """Yield recorded frames with fields changed, swapped, missing, or of another frame."""
    rng = random.Random(18)
    for _ in range(MESSAGES):
        frame = dict(rng.choice(frames))
        other = rng.choice(frames)
        for key in rng.sample([*frame], rng.randint(0, min(3, len(frame)))):
            match rng.randrange(4):
                case 0:
                    del frame[key]
                case 1:
                    frame[key] = rng.choice(VALUES)
                case 2:
                    frame[key] = other.get(key, rng.choice(VALUES))
                case _:
                    frame[rng.choice(["type", "topic", "command", "status"])] = rng.choice(VALUES)
        for key in ("execution_id", "approval_request_id", "id"):
            if rng.random() < 0.5:
                frame[key] = rng.choice(ids)
        yield frame


async def test_s18_no_message_causes_a_command(
    trunkline_host: HostFactory, frames: tuple[dict[str, Any], ...]
) -> None:
    """Ten thousand of them, about things that are there to be stopped and decided."""
    pushed = tuple(frame for frame in frames if frame["type"] not in {"ping", "handshake"})
    async with trunkline_host(only=NAMES) as host:
        world = host.simulator.world
        running = [world.add_execution() for _ in range(5)]
        asked = [
            world.request_approval(
                Approval.draw(
                    random.Random(n), ACCOUNT_A, world.walltime(), expires_at=world.walltime() + 1e6
                )
            )
            for n in range(5)
        ]
        ids = [*(each.id for each in running), *(each.id for each in asked)]
        for number, message in enumerate(fuzzed(pushed, ids)):
            if number < WIRED:
                host.simulator.push_text(json.dumps(message))
            else:
                host.host.router.route(message, 1000, epoch=1, received=world.walltime())
            if number % BATCH == 0:
                await host.host.connection.barrier()
        await trio.sleep(30)
        sent = {json.loads(received.frame)["type"] for received in host.simulator.received}
        assert sent <= HARMLESS
        assert {each.status for each in running} == {"RUNNING"}
        assert {each.status for each in asked} == {"pending"}
        assert not any(each.history or each.votes for each in asked)
        assert len(host.published("approvals")) > 500
        host.errors()
