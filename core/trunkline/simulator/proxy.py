"""The chaos proxy: faults between two real sockets, as `Faulty` makes them in memory (TS2)."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio

from trunkline.background import background_nursery
from trunkline.simulator.faulty import READ_SIZE, Faulty
from trunkline.simulator.plan import Plan


@asynccontextmanager
async def chaos_proxy(url: str, plan: Callable[[int], Plan]) -> AsyncIterator[str]:
    """Listen on loopback before the server at `url`; yields the URL to connect to instead.

    `plan(number)` says what goes wrong with the connection of that number, 1 the first; `in` is
    what the client sends, `out` what it gets.
    """
    target = urlsplit(url)
    accepted = 0

    async def carry(client: trio.SocketStream) -> None:
        nonlocal accepted
        accepted += 1
        faulty = Faulty(client, plan(accepted))
        try:
            server = await trio.open_tcp_stream(str(target.hostname), target.port or 80)
        except OSError:
            await trio.aclose_forcefully(faulty)
            return
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_pump, faulty, server, nursery.cancel_scope)
                nursery.start_soon(_pump, server, faulty, nursery.cancel_scope)
        finally:
            await trio.aclose_forcefully(server)
            await trio.aclose_forcefully(faulty)

    async with background_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listeners[0].socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, carry, listeners)
        yield target._replace(netloc=f"127.0.0.1:{port}").geturl()


async def _pump(source: trio.abc.Stream, sink: trio.abc.Stream, scope: trio.CancelScope) -> None:
    """Carry bytes one way until either end is gone; then both are."""
    try:
        while chunk := await source.receive_some(READ_SIZE):
            await sink.send_all(chunk)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass
    scope.cancel()
