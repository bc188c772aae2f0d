"""Messages per second from the socket to the right subscriber; printed, never asserted.

The sender is another process that writes prepared frames in large pieces. What is checked is that
every message reached exactly the subscribers it was meant for.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import trio
import trio_websocket

import trunkline

MESSAGES = 60_000
RUNS = 3
PATH = "/api/v1/ws/unified"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    sender = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("sender.py"), str(MESSAGES)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sender.stdout is not None
    yield int(sender.stdout.readline())
    sender.kill()
    sender.wait()
    sender.stdout.close()


async def whole_job(port: int, subscriptions: int, *, fast_lane: bool = True) -> float:
    """Receive, decode, classify, route to subscriptions by key; return seconds."""
    seen = matched = 0
    done = trio.Event()

    def everything(_: trunkline.Event) -> None:
        nonlocal seen
        seen += 1
        if seen == MESSAGES:
            done.set()

    def one(_: trunkline.Event) -> None:
        nonlocal matched
        matched += 1

    url = f"ws://127.0.0.1:{port}{PATH}"
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
    assert matched == sum(number < subscriptions - 1 for number in range(1000)) * MESSAGES // 1000
    return seconds


async def bare(port: int) -> float:
    """trio-websocket as it comes, with orjson: receive and decode only."""
    url = f"ws://127.0.0.1:{port}{PATH}"
    async with trio_websocket.open_websocket_url(url, receive_buffer_size=65536) as socket:
        await socket.get_message()
        start = time.perf_counter()
        await socket.send_message("go")
        for _ in range(MESSAGES):
            orjson.loads(await socket.get_message())
        return time.perf_counter() - start


def test_throughput(port: int) -> None:
    """Print a table of medians; the ratios are what counts, machines differ."""
    rows: dict[str, Callable[[], float]] = {
        "bare trio-websocket + orjson, no routing": lambda: trio.run(bare, port),
        "whole job, lane off, 12 subscriptions": lambda: trio.run(
            lambda: whole_job(port, 12, fast_lane=False)
        ),
        "whole job, 12 subscriptions": lambda: trio.run(whole_job, port, 12),
        "whole job, 10,000 subscriptions": lambda: trio.run(whole_job, port, 10_000),
    }
    base = None
    for name, measure in rows.items():
        rate = MESSAGES / statistics.median(measure() for _ in range(RUNS))
        base = base or rate
        print(f"{name:45} {rate:10,.0f} msg/s  {rate / base:5.1f} x")  # noqa: T201 - the result
