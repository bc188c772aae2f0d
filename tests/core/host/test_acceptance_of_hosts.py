"""Those of the fifteen failures that concern a whole host (connection.md §13), and S18, L1, L2."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from examples import examples
from host_bench import plugin, running
from ledger_bench import watch

from trunkline.errors import Rejected, TrunklineError
from trunkline.events import Event, Gap
from trunkline.simulator import Fault, Faults, Plan, Simulator
from trunkline.simulator.ledger import Ledger

OWNER = """
@hookimpl
def trunkline_register_topics(topics):
    topics.add("things", match={{"type": "thing"}})

@hookimpl
async def trunkline_backfill(ctx, gap):
    await trio.sleep(3)
    {answer}
"""
FETCHES = 'return [{"type": "thing", "topic": "things", "n": n} for n in range(40, 61)]'


@pytest.mark.parametrize("answer", [FETCHES, "raise OSError('away')"], ids=["fetches", "fails"])
async def test_acceptance_09_a_back_fill_stands_beside_the_live_events(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, answer: str
) -> None:
    """1 to 39, the gap, 61 to 100 live; 40 to 60 once each as `backfill`, or `backfill.failed`."""
    tables = {"plugins": {"paths": [plugin(tmp_path, "owner", OWNER.format(answer=answer))]}}
    seen: list[Event | Gap] = []
    said: list[str] = []
    async with running(tables) as (host, simulator):
        host.router.subscribe("things", seen.append, on_gap=seen.append)
        host.router.subscribe("system", lambda event: said.append(event.type))
        await host.connection.wait_connected()
        for number in range(1, 101):
            if number == 40:
                await host.connection.barrier()
                simulator.restart(5)
                await trio.sleep(1)
            if number == 61:
                await host.connection.wait_connected()
            simulator.push({"type": "thing", "topic": "things", "n": number})
        await trio.sleep(10)
    live = [
        "gap" if isinstance(item, Gap) else item.get("n")
        for item in seen
        if isinstance(item, Gap) or item.origin == "live"
    ]
    filled = [i.get("n") for i in seen if isinstance(i, Event) and i.origin == "backfill"]
    assert live == [*range(1, 40), "gap", *range(61, 101)]
    assert filled == (list(range(40, 61)) if answer == FETCHES else [])
    assert ("backfill.done" if filled else "backfill.failed") in said


async def test_acceptance_11_what_waited_leaves_in_batches_and_a_command_waits_for_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Ten minutes offline, then a spike: never over 64 unconfirmed, and one batch before a command."""
    simulator = Simulator(seed=1)
    simulator.restart(600)
    async with running(simulator=simulator) as (host, _):
        for number in range(1000):
            host.tracker.track_action("tick", {"n": number})
        await trio.sleep(500)
        await host.connection.wait_connected(timeout=300)
        behind = len(simulator.received)
        with pytest.raises(Rejected):
            await host.connection.send({"type": "command", "command": "stop", "execution_id": "x"})
        await trio.sleep(60)
        kinds = [json.loads(received.frame)["type"] for received in simulator.received]
    unconfirmed = most = 0
    for kind in kinds:
        unconfirmed = (
            unconfirmed + 1 if kind == "activity" else 0 if kind == "ping" else unconfirmed
        )
        most = max(most, unconfirmed)
    assert kinds.count("activity") >= 1000
    assert 32 <= most <= 65  # the greeting of the session is one of its own
    assert kinds.index("command") - behind <= 65 + 1


async def test_acceptance_13_a_stop_with_a_mute_peer_is_in_time(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Nothing passes any more: done within 15 s, activity and all, and no task is left."""
    await trio.testing.wait_all_tasks_blocked()  # the test's own surroundings have settled
    tasks = trio.lowlevel.current_statistics().tasks_living
    mute = Faults(plan=Plan((Fault(kind="mute", at=10.0),)))
    start = 0.0
    async with running(simulator=Simulator(seed=1, faults=mute)) as (host, _):
        await host.connection.wait_connected()
        await trio.sleep(12)
        host.tracker.track_action("never.sent")
        start = trio.current_time()
    assert trio.current_time() - start <= 15
    await trio.testing.wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().tasks_living <= tasks


def anything(rng: random.Random, depth: int = 0) -> Any:
    """Draw a JSON value."""
    kinds = ["text", "number", "null", "flag"] + ["list", "object"] * (depth < 3)
    match rng.choice(kinds):
        case "text":
            return rng.choice(WORDS)
        case "number":
            return rng.choice([0, -1, 7, 1e9, 2**53])
        case "null":
            return None
        case "flag":
            return rng.random() < 0.5
        case "list":
            return [anything(rng, depth + 1) for _ in range(rng.randrange(3))]
        case _:
            return {rng.choice(WORDS): anything(rng, depth + 1) for _ in range(rng.randrange(4))}


FRAMES = Path(__file__).parents[2] / "contract" / "frames.jsonl"
WORDS = (
    "type", "topic", "payload", "status", "command", "stop", "approve", "decline", "authenticate",
    "subscribe", "execution_id", "approval_request_id", "message", "PENDING", "pending", "x",
)  # fmt: skip


async def test_s18_no_message_makes_the_host_act(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Recorded frames with pieces exchanged, and anything else: nothing but pongs goes out."""
    caplog.set_level("CRITICAL")
    rng = random.Random(18)
    recorded = [json.loads(line) for line in FRAMES.read_text().splitlines()]
    async with running(simulator=Simulator(seed=1, queue_limit=10_000)) as (host, simulator):
        await host.connection.wait_connected()
        await trio.sleep(5)
        before = len(simulator.received)
        for number in range(examples(1500)):
            message = {**rng.choice(recorded), rng.choice(WORDS): anything(rng)}
            if rng.random() < 0.3:
                message["type"] = rng.choice([*WORDS, "ping", "command_ack", "auth_error"])
            simulator.push_text(json.dumps(message))
            if number % 100 == 0:
                await trio.sleep(0.1)
        await host.connection.barrier()
        kinds = {json.loads(got.frame)["type"] for got in simulator.received[before:]}
        assert kinds <= {"ping", "pong"}
        assert host.connection.status.epoch == 1


@pytest.mark.unmeasured
@pytest.mark.parametrize(("rate", "mebibytes"), [(1_000, 24), (10_000, 64)], ids=["l1", "l2"])
async def test_load_loses_nothing_silently_and_takes_bounded_memory(
    autojump_clock: trio.testing.MockClock, rate: int, mebibytes: int
) -> None:
    """Half a second of 512-byte events to 20 subscriptions: zeros of B1 and B2, bytes within bounds."""
    ledger = Ledger()
    numbers = itertools.count()
    text = "x" * 450
    async with running(simulator=Simulator(seed=1, queue_limit=100_000)) as (host, simulator):
        await host.connection.wait_connected()
        for each in range(20):
            watch(ledger, host.connection, f"watcher {each}", "audit")
        before = resident_bytes()
        for _ in range(10):
            for number in itertools.islice(numbers, rate // 20):
                ledger.sent(number, "audit")
                simulator.push({"topic": "audit", "type": "t", "n": number, "text": text})
            await trio.sleep(0.05)
        await host.connection.barrier()
        grown = resident_bytes() - before
    report = ledger.verify("B1", "B2")
    assert report.delivered == 20 * rate // 2
    assert grown <= mebibytes << 20


def resident_bytes() -> int:
    """The memory of this process, the ledger's own included."""
    [line] = [
        each for each in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in each
    ]
    return int(line.split()[1]) * 1024


async def test_acceptance_13_the_callers_exception_comes_out_unmasked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Also where the peer no longer answers the close."""
    from trunkline.host.small import open_connection

    mute = Faults(plan=Plan((Fault(kind="mute", at=5.0),)))
    async with Simulator(seed=1, faults=mute).in_memory() as dial:
        start = 0.0
        with pytest.raises(TrunklineError, match="of the caller"):  # noqa: PT012 - when it was raised counts
            async with open_connection("ws://127.0.0.1:1/api/v1/ws/unified", dial=dial):
                await trio.sleep(10)
                start = trio.current_time()
                raise TrunklineError("of the caller")
        assert trio.current_time() - start <= 2
