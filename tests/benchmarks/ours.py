"""Trunkline with the same frames: the whole job, from the socket to the right subscriber."""

import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio
from tests.benchmarks.clock import Latencies
from tests.benchmarks.messages import PATH, SIZE, matches, wanted
from tests.benchmarks.processes import rss_bytes

import trunkline

TOPIC = "flow_executions"
LIMIT = 120.0  # s; whatever takes longer has gone wrong


@asynccontextmanager
async def connected(
    port: int, count: int, *, fast_lane: bool = True, ca_file: str | None = None
) -> AsyncIterator[trunkline.Connection]:
    """Open a connection that records nothing."""
    scheme = "wss" if ca_file else "ws"
    async with trunkline.open_connection(
        f"{scheme}://127.0.0.1:{port}{PATH}?count={count}",
        fast_lane=fast_lane,
        ca_file=ca_file,
        max_message_bytes=1 << 24,
    ) as connection:
        connection.tracker.disable()
        yield connection


def throughput(
    port: int,
    count: int,
    subscriptions: int = 12,
    *,
    size: int = SIZE,
    fast_lane: bool = True,
    ca_file: str | None = None,
) -> dict[str, float]:
    """Receive, decode, classify, route: one subscription to everything, the others by key."""

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

        async with connected(port, count, fast_lane=fast_lane, ca_file=ca_file) as connection:
            connection.subscribe(TOPIC, everything)
            for execution in wanted(subscriptions, size):
                connection.subscribe(TOPIC, one, where={"execution_id": execution})
            await connection.wait_connected()
            start = time.perf_counter()
            await connection.send({"type": "go"})
            with trio.fail_after(LIMIT):
                await done.wait()
            seconds = time.perf_counter() - start
        assert matched == matches(count, subscriptions), f"{matched} events were matched"
        return seconds

    return {"seconds": trio.run(main)}


def latency(port: int, count: int, *, sleeper: bool = False) -> dict[str, float]:
    """How old each message is when its callback is called; a sleeper is slow beside it."""

    async def main() -> dict[str, float]:
        latencies = Latencies()
        done = trio.Event()

        def note(event: trunkline.Event) -> None:
            latencies.add(event.data["sent"])
            if len(latencies) == count:
                done.set()

        async def sleep(_: trunkline.Event) -> None:
            await trio.sleep(0.05)

        async with connected(port, count) as connection:
            if sleeper:
                connection.subscribe(TOPIC, sleep)
            connection.subscribe(TOPIC, note)
            await connection.wait_connected()
            await connection.send({"type": "go"})
            with trio.fail_after(LIMIT):
                await done.wait()
        return latencies.summary(count)

    return trio.run(main)


def idle_subscriptions(port: int, count: int) -> dict[str, float]:
    """Resident bytes that each of `count` subscriptions by key takes, its undo among them."""

    async def main() -> float:
        async with connected(port, 0) as connection:
            await connection.wait_connected()
            callback: Callable[[trunkline.Event], object] = repr
            connection.subscribe(TOPIC, callback, where={"execution_id": "first"})
            gc.collect()
            before = rss_bytes()
            undos = [
                connection.subscribe(TOPIC, callback, where={"execution_id": f"{number:08d}"})
                for number in range(count)
            ]
            used = rss_bytes() - before
            assert connection.subscription_count() == len(undos) + 1
        return used / count

    return {"bytes": trio.run(main)}


def buffered_events(port: int, count: int) -> dict[str, float]:
    """Resident bytes of `count` events that wait in one subscription."""

    async def main() -> float:
        seen = 0
        done = trio.Event()

        def everything(_: trunkline.Event) -> None:
            nonlocal seen
            seen += 1
            if seen == count:
                done.set()

        async with (
            connected(port, count) as connection,
            connection.events(TOPIC, buffer=count) as events,
        ):
            connection.subscribe(TOPIC, everything)
            await connection.wait_connected()
            gc.collect()
            before = rss_bytes()
            await connection.send({"type": "go"})
            with trio.fail_after(LIMIT):
                await done.wait()
            used = rss_bytes() - before
            for _ in range(count):  # all of them were there
                assert isinstance(await anext(events), trunkline.Event)
        return used

    return {"bytes": trio.run(main)}
