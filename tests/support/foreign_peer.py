"""A server of another library's, in a thread of its own, that does what a script says."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from http import HTTPStatus
from itertools import count
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

LIMIT = 32 * 1024  # bytes of a message, where a test does not say otherwise; the lane takes such
WAIT = 10.0  # s; nothing here takes one
Script = Callable[[ServerConnection], Awaitable[Any]]


class Peer:
    """The server: each connection plays the script that its path was handed out for."""

    def __init__(self) -> None:
        self._scripts: dict[str, tuple[Script, Future[Any]]] = {}
        self._numbers = count()
        self._port: Future[int] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        """Listen; returns when connections are taken."""
        self._thread.start()
        self._port.result(WAIT)

    def stop(self) -> None:
        """Close what is open and wait for the thread, so that nothing is left behind."""
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(WAIT)
        assert not self._thread.is_alive()

    def plays(self, script: Script, path: str = "/api/v1/ws/unified") -> tuple[str, Future[Any]]:
        """Return the URL under which `script` runs, and its result to come."""
        target, outcome = f"{path}?number={next(self._numbers)}", Future[Any]()
        self._scripts[target] = (script, outcome)
        return f"{self.url}{target}", outcome

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"ws://127.0.0.1:{self._port.result(0)}"

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with serve(
            self._play,
            "127.0.0.1",
            0,
            compression="deflate",
            max_size=None,
            ping_interval=None,
            process_request=self._refuse,
        ) as server:
            self._port.set_result(server.sockets[0].getsockname()[1])
            await self._ended.wait()

    async def _play(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        script, outcome = self._scripts.pop(socket.request.path)
        try:
            outcome.set_result(await script(socket))
        except Exception as exc:  # noqa: BLE001 - told to the test, which waits for it
            outcome.set_exception(exc)

    def _refuse(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.path == "/forbidden":
            return socket.respond(HTTPStatus.FORBIDDEN, "not you\n")
        return None
