"""Messages per second from the socket to the right subscriber; printed, never asserted.

The sender is another process that writes prepared frames in large pieces. What is checked is that
every message reached exactly the subscribers it was meant for. Peers that are not installed are
skipped by name, with the command that installs them.
"""

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import peers
import pytest
import trio

import trunkline

MESSAGES = 60_000
SLOW_MESSAGES = 6_000  # for ten thousand linear filters
RUNS = 3
EXECUTIONS = 1000  # different ids in the sender's messages


@pytest.fixture(scope="module", params=[MESSAGES, SLOW_MESSAGES])
def sender(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Yield port and number of messages."""
    count: int = request.param
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("sender.py"), str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield int(process.stdout.readline()), count
    process.kill()
    process.wait()
    process.stdout.close()


def trunkline_whole_job(
    port: int, count: int, subscriptions: int, *, fast_lane: bool = True
) -> float:
    """Receive, decode, classify, route by key to all but one of the subscriptions."""

    async def main() -> float:
        seen = matched = 0
        done = trio.Event()

        def everything(_: trunkline.Event) -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                done.set()

        def one(_: trunkline.Event) -> None:
            nonlocal matched
            matched += 1

        url = f"ws://127.0.0.1:{port}{peers.PATH}"
        async with trunkline.open_connection(url, fast_lane=fast_lane) as connection:
            connection.tracker.disable()
            connection.subscribe("flow_executions", everything)
            for number in range(subscriptions - 1):
                execution = f"{number:08d}-678f-4ba6-bcd1-5189b2ad2ac7"
                connection.subscribe("flow_executions", one, where={"execution_id": execution})
            await connection.wait_connected()
            start = time.perf_counter()
            await connection.send({"type": "go"})
            with trio.fail_after(60):
                await done.wait()
            seconds = time.perf_counter() - start
        assert matched == min(subscriptions - 1, EXECUTIONS) * count // EXECUTIONS
        return seconds

    return trio.run(main)


Row = tuple[str, str | None, Callable[[], float]]


def rows_of(port: int, count: int) -> list[Row]:
    """Return what is measured with so many messages: name, why it is skipped, how."""
    ours = partial(trunkline_whole_job, port, count)
    node = partial(peers.node_ws, port, count)
    many: list[Row] = [
        ("trunkline, whole job, 10,000 subscriptions", None, partial(ours, 10_000)),
        ("Node ws, whole job, 10,000 subscriptions", peers.missing("node"), partial(node, 10_000)),
    ]
    if count == SLOW_MESSAGES:
        return many
    return [
        ("trio-websocket, receive + decode", None, partial(peers.bare_trio_websocket, port, count)),
        ("websockets asyncio, receive + decode", peers.missing("websockets"), partial(peers.websockets_asyncio, port, count)),
        ("aiohttp, receive + decode", peers.missing("aiohttp"), partial(peers.aiohttp_client, port, count)),
        ("Node ws, whole job, 12 subscriptions", peers.missing("node"), partial(node, 12)),
        ("trunkline, lane off, whole job, 12 subscriptions", None, partial(ours, 12, fast_lane=False)),
        ("trunkline, whole job, 12 subscriptions", None, partial(ours, 12)),
        many[0],
    ]  # fmt: skip


def test_throughput(sender: tuple[int, int]) -> None:
    """Print a table of medians with their spread; the ratios count, machines differ."""
    port, count = sender
    names = ("trio", "trio-websocket", "orjson")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(
        f"\n{count:,} messages of 304 bytes, median of {RUNS}; Python {platform.python_version()}, {versions}"
    )
    base: float | None = None
    for name, why_not, measure in rows_of(port, count):
        if why_not is not None:
            print(f"{name:50} skipped: {why_not}")
            continue
        rates = sorted(count / measure() for _ in range(RUNS))
        rate = statistics.median(rates)
        base = base or rate
        spread = (rates[-1] - rates[0]) / rate
        print(f"{name:50} {rate:10,.0f} msg/s  {rate / base:6.2f} x  ± {spread / 2:.0%}")
