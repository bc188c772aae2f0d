"""What others do with the same frames; each takes the time until the last one is decoded."""

import base64
import os
import time

import orjson
import trio
import trio_websocket
from tests.benchmarks.clock import Latencies
from tests.benchmarks.messages import PATH


def _url(port: int, count: int) -> str:
    return f"ws://127.0.0.1:{port}{PATH}?count={count}"


def _check(last: object, count: int) -> None:
    number = last.get("n") if isinstance(last, dict) else None
    assert number == count - 1, f"the last of {count} messages was {number}"


def trio_websocket_client(port: int, count: int) -> dict[str, float]:
    """trio-websocket as it comes, with 64-KiB reads and orjson: receive and decode."""

    async def main() -> float:
        last = None
        async with trio_websocket.open_websocket_url(
            _url(port, count), receive_buffer_size=65536, max_message_size=1 << 24
        ) as socket:
            await socket.get_message()
            start = time.perf_counter()
            await socket.send_message("go")
            for _ in range(count):
                last = orjson.loads(await socket.get_message())
            seconds = time.perf_counter() - start
        _check(last, count)
        return seconds

    return {"seconds": trio.run(main)}


def trio_websocket_latency(port: int, count: int) -> dict[str, float]:
    """The bare loop: how old each message is when it is decoded."""

    async def main() -> dict[str, float]:
        latencies = Latencies()
        async with trio_websocket.open_websocket_url(
            _url(port, count), receive_buffer_size=65536
        ) as socket:
            await socket.get_message()
            await socket.send_message("go")
            for _ in range(count):
                latencies.add(orjson.loads(await socket.get_message())["sent"])
        return latencies.summary(count)

    return trio.run(main)


def websockets_asyncio(port: int, count: int) -> dict[str, float]:
    """websockets on asyncio, with orjson: receive and decode."""
    import asyncio

    from websockets.asyncio.client import connect

    async def main() -> float:
        last = None
        async with connect(_url(port, count), compression=None, max_queue=1024) as socket:
            await socket.recv(decode=False)
            start = time.perf_counter()
            await socket.send("go")
            for _ in range(count):
                last = orjson.loads(await socket.recv(decode=False))
            seconds = time.perf_counter() - start
        _check(last, count)
        return seconds

    return {"seconds": asyncio.run(main())}


def aiohttp_client(port: int, count: int) -> dict[str, float]:
    """aiohttp, whose parser is in C, with orjson: receive and decode."""
    import asyncio

    import aiohttp

    async def main() -> float:
        last = None
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(_url(port, count), max_msg_size=1 << 24) as socket,
        ):
            await socket.receive()
            start = time.perf_counter()
            await socket.send_str("go")
            for _ in range(count):
                last = orjson.loads((await socket.receive()).data)
            seconds = time.perf_counter() - start
        _check(last, count)
        return seconds

    return {"seconds": asyncio.run(main())}


def by_hand(port: int, count: int) -> dict[str, float]:
    """The floor: frame headers walked by hand over a trio stream, nothing checked, orjson."""

    async def main() -> float:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        await stream.send_all(
            f"GET {PATH}?count={count} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"}"):
            head += await stream.receive_some()
        start = time.perf_counter()
        await stream.send_all(b"\x81\x82\0\0\0\0go")
        held, seen, last = b"", 0, None
        while seen < count:
            data = held + await stream.receive_some(65536)
            at, end = 0, len(data)
            while end - at >= 4:
                length, begin = data[at + 1], at + 2
                if length == 126:
                    length, begin = data[at + 2] << 8 | data[at + 3], at + 4
                if begin + length > end:
                    break
                at = begin + length
                last = orjson.loads(data[begin:at])
                seen += 1
            held = data[at:]
        seconds = time.perf_counter() - start
        _check(last, count)
        return seconds

    return {"seconds": trio.run(main)}
