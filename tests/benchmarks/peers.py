"""What others do with the same frames; each says how many messages it decoded, and how long."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import orjson
import trio
import trio_websocket

PATH = "/api/v1/ws/unified"
Needs = dict[str, Callable[[], str | None]]
NODE_PEER = Path(__file__).with_name("node_peer.js")


def bare_trio_websocket(port: int, count: int) -> float:
    """trio-websocket as it comes, with 64-KiB reads and orjson: receive and decode."""

    async def main() -> float:
        url = f"ws://127.0.0.1:{port}{PATH}"
        async with trio_websocket.open_websocket_url(url, receive_buffer_size=65536) as socket:
            await socket.get_message()
            start = time.perf_counter()
            await socket.send_message("go")
            for _ in range(count):
                orjson.loads(await socket.get_message())
            return time.perf_counter() - start

    return trio.run(main)


def websockets_asyncio(port: int, count: int) -> float:
    """websockets on asyncio, with orjson: receive and decode."""
    import asyncio

    from websockets.asyncio.client import connect

    async def main() -> float:
        url = f"ws://127.0.0.1:{port}{PATH}"
        async with connect(url, compression=None, max_queue=1024) as socket:
            await socket.recv(decode=False)
            start = time.perf_counter()
            await socket.send("go")
            for _ in range(count):
                orjson.loads(await socket.recv(decode=False))
            return time.perf_counter() - start

    return asyncio.run(main())


def aiohttp_client(port: int, count: int) -> float:
    """aiohttp, whose parser is in C, with orjson: receive and decode."""
    import asyncio

    import aiohttp

    async def main() -> float:
        url = f"ws://127.0.0.1:{port}{PATH}"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            await socket.receive()
            start = time.perf_counter()
            await socket.send_str("go")
            for _ in range(count):
                orjson.loads((await socket.receive()).data)
            return time.perf_counter() - start

    return asyncio.run(main())


def node_ws(port: int, count: int, subscriptions: int) -> float:
    """Node's `ws` with a linear router: the whole job, as the original did it."""
    done = subprocess.run(
        ["node", NODE_PEER, str(port), str(count), str(subscriptions)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=NODE_PEER.parent,
    )
    return float(json.loads(done.stdout)["seconds"])


def missing(name: str) -> str | None:
    """Return why a peer cannot be measured here, or None."""
    needs: Needs = {
        "websockets": lambda: None if find_spec("websockets") else "pip install websockets",
        "aiohttp": lambda: None if find_spec("aiohttp") else "pip install aiohttp",
        "node": _node_missing,
    }
    return needs[name]()


def _node_missing() -> str | None:
    if shutil.which("node") is None:
        return "Node is not installed"
    if not (NODE_PEER.parent / "node_modules" / "ws").exists():
        return "npm install --no-save --prefix tests/benchmarks ws"
    return None
