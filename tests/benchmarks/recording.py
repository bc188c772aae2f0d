"""What recording costs: a call as its caller sees it, and events until they are in the file."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

import trunkline

CONFIG = """
[connection]
url = "ws://127.0.0.1:9/nobody"
[host]
data = "var"
[activity]
path = "outbox.db"
"""
BLOCK = 5_000  # calls between two flushes; the inbox of the tracker holds 10,000


def recorded(count: int) -> dict[str, float]:
    """Record `count` actions with a host whose server is away; each is committed to the file."""

    async def main(config: trunkline.Config) -> dict[str, float]:
        host = trunkline.Host(config)
        in_calls = 0.0
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.run)
            await trio.sleep(0.5)  # until it is at work
            track, ids = host.tracker.track_action, set[str | None]()
            start = time.perf_counter()
            for at in range(0, count, BLOCK):
                began = time.perf_counter()
                block = [track("button.pressed", {"n": number}) for number in range(at, at + BLOCK)]
                in_calls += time.perf_counter() - began
                report = await host.tracker.flush(timeout=60, until="stored")
                assert report.is_done, report
                assert not report.dropped, report
                ids.update(block)
            total = time.perf_counter() - start
            assert len(ids) == count, "a call was refused"
            nursery.cancel_scope.cancel()
        return {"call": count / in_calls, "stored": count / total}

    with TemporaryDirectory() as folder:
        path = Path(folder, "trunkline.toml")
        path.write_text(CONFIG)
        return trio.run(main, trunkline.load_config(path))
