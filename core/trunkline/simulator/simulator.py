"""The simulator as others use it: listen, push, close, and see what clients sent."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_address
from typing import Any

import trio
import trio.testing

from trunkline.errors import UsageError
from trunkline.simulator.listener import Listener, Refusal, Tally
from trunkline.simulator.session import Backend, Received, Rules
from trunkline.simulator.upgrade import PATH
from trunkline.simulator.users import DEFAULT_USERS, Tokens, User
from trunkline.simulator.world import World

#: Opens a connection to the simulator: (endpoint, on_phase) -> stream.
Dial = Callable[[object, Callable[[str], None]], Awaitable[trio.abc.Stream]]


class Simulator:
    """A server that speaks the protocol, on loopback or in memory; for one trio run.

    Everything it makes up is drawn from `seed`. `users` maps tokens to who presents them.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        users: Mapping[str, User] = DEFAULT_USERS,
        idle_timeout: float = 60.0,
        pong_timeout: float = 10.0,
        keepalive: float | None = 20.0,
        handshake_delay: float = 0.0,
        max_message_bytes: int = 16 * 1024 * 1024,
        queue_limit: int = 1_000,
        walltime: Callable[[], float] = time.time,
    ) -> None:
        rules = Rules(
            idle_timeout=idle_timeout,
            pong_timeout=pong_timeout,
            keepalive=keepalive,
            handshake_delay=handshake_delay,
            max_message_bytes=max_message_bytes,
            queue_limit=queue_limit,
        )
        self.tokens = Tokens(users)
        self.world = World(random.Random(f"{seed} world"), walltime)  # noqa: S311 - a seed's
        self._backend = Backend(self.world, self.tokens, rules)
        sessions = random.Random(f"{seed} sessions")  # noqa: S311 - a seed's
        self._listener = Listener(self._backend, sessions, lambda stream: stream)

    @asynccontextmanager
    async def listen(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve on a loopback address; yields the URL. Leaving ends every socket.

        Raises:
            UsageError: an address that others can reach (S20).
        """
        if not ip_address(host).is_loopback:
            raise UsageError(f"the simulator listens on loopback only, not on {host}")
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(
                partial(trio.serve_tcp, self._listener.serve, port, host=host)
            )
            port = listeners[0].socket.getsockname()[1]
            yield f"ws://{f'[{host}]' if ':' in host else host}:{port}{PATH}"
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def in_memory(self) -> AsyncIterator[Dial]:
        """Serve memory streams; yields what opens one, a fresh connection each time."""

        async def dial(_endpoint: object, on_phase: Callable[[str], None]) -> trio.abc.Stream:
            on_phase("tcp")
            await trio.lowlevel.checkpoint()
            client, server = trio.testing.memory_stream_pair()
            nursery.start_soon(self._listener.serve, server)
            return client

        async with trio.open_nursery() as nursery:
            yield dial
            nursery.cancel_scope.cancel()

    def push(self, message: Mapping[str, Any], account: str | None = None) -> None:
        """Push an event to the sockets that the real server would send it to (protocol §7).

        `account` gives the event its `account_id`; without either, every socket gets it.
        """
        self.world.publish(message if account is None else {**message, "account_id": account})

    def close_all(self, code: int | None, reason: str = "") -> None:
        """End every socket: with a Close frame, or (None) without."""
        for session in tuple(self._listener.sessions.values()):
            session.end(code, reason)

    @property
    def refuse_tokens(self) -> bool:
        """Whether every token is refused, good or bad."""
        return self.tokens.are_refused

    @refuse_tokens.setter
    def refuse_tokens(self, refuse: bool) -> None:
        self.tokens.are_refused = refuse

    @property
    def refusal(self) -> Refusal | None:
        """The HTTP answer to new connections; None: they are welcome."""
        return self._listener.refusal

    @refusal.setter
    def refusal(self, refusal: Refusal | None) -> None:
        self._listener.refusal = refusal

    @property
    def answers_pings(self) -> bool:
        """Whether a client's `ping` is answered."""
        return self._backend.answers_pings

    @answers_pings.setter
    def answers_pings(self, answers: bool) -> None:
        self._backend.answers_pings = answers

    @property
    def socket_count(self) -> int:
        """How many sockets are open."""
        return len(self._listener.sessions)

    @property
    def received(self) -> tuple[Received, ...]:
        """What clients sent, oldest first; the last 10,000 frames."""
        return tuple(self._backend.received)

    @property
    def tally(self) -> Tally:
        """What happened at the door."""
        return self._listener.tally
