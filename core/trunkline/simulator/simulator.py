"""The simulator as others use it: listen, push, close, and see what clients sent."""

import math
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_address
from typing import Any

import attrs
import trio
import trio.testing

from trunkline.background import background_nursery
from trunkline.errors import TransportError, UsageError
from trunkline.simulator.faults import Faults, cause
from trunkline.simulator.listener import Listener, Refusal, Tally
from trunkline.simulator.scenarios import SCENARIOS, Scenario, Stage
from trunkline.simulator.session import Backend, Received, Rules
from trunkline.simulator.upgrade import PATH
from trunkline.simulator.users import ACCOUNT_A, DEFAULT_USERS, Tokens, User
from trunkline.simulator.world import World

#: Opens a connection to the simulator: (endpoint, on_phase) -> stream.
Dial = Callable[[object, Callable[[str], None]], Awaitable[trio.abc.Stream]]

Listeners = Sequence[trio.SocketListener]
NO_FAULTS = Faults()


class Simulator:
    """A server that speaks the protocol, on loopback or in memory; for one trio run.

    Everything it makes up is drawn from `seed`. `users` maps tokens to who presents them.
    `scenario`, one of `SCENARIOS`, plays while it serves, `speed` times as fast as written.

    Raises:
        UsageError: there is no such scenario.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        users: Mapping[str, User] = DEFAULT_USERS,
        scenario: str | None = None,
        speed: float = 1.0,
        faults: Faults = NO_FAULTS,
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
        self._seed = seed
        self._scenario = None if scenario is None else _scenario(scenario)
        self._speed = speed
        self._faults = faults
        self._back_at = -math.inf
        self._outage = trio.Event()
        self.tokens = Tokens(users)
        self.tokens.are_refused = faults.refuse_tokens
        self.world = World(self._random("world"), walltime)
        self._backend = Backend(self.world, self.tokens, rules)
        self._listener = Listener(self._backend, self._random("sessions"), faults.stream_plan)

    @asynccontextmanager
    async def listen(
        self, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[str]:
        """Serve on a loopback address; yields the URL. Leaving ends every socket.

        With `tls`, the server's side of it, only over TLS.

        Raises:
            UsageError: an address that others can reach (S20).
            OSError: the port is taken.
        """
        if not ip_address(host).is_loopback:
            raise UsageError(f"the simulator listens on loopback only, not on {host}")
        listeners = await trio.open_tcp_listeners(port, host=host)
        port = listeners[0].socket.getsockname()[1]

        async def serve(stream: trio.SocketStream) -> None:
            await self._listener.serve(stream if tls is None else _secured(stream, tls))

        async with self._alive() as nursery:
            nursery.start_soon(
                self._keep_door,
                listeners,
                partial(trio.open_tcp_listeners, port, host=host),
                partial(trio.serve_listeners, serve, handler_nursery=nursery),
            )
            scheme = "ws" if tls is None else "wss"
            yield f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PATH}"

    @asynccontextmanager
    async def in_memory(self) -> AsyncIterator[Dial]:
        """Serve memory streams; yields what opens one, a fresh connection each time."""

        async def dial(_endpoint: object, on_phase: Callable[[str], None]) -> trio.abc.Stream:
            on_phase("tcp")
            await trio.lowlevel.checkpoint()
            if trio.current_time() < self._back_at:
                raise TransportError("refused", "the simulator is restarting")
            client, server = trio.testing.memory_stream_pair()
            nursery.start_soon(self._listener.serve, server)
            return client

        async with self._alive() as nursery:
            yield dial

    async def run_scenario(self, name: str, account: str = ACCOUNT_A) -> None:
        """Play a scenario for an account: to its end, or until cancelled (`SCENARIOS`).

        Raises:
            UsageError: there is none of that name.
        """
        scenario = _scenario(name)
        await scenario(Stage(self.world, self._random(f"scenario {name}"), account, self._speed))

    def push(self, message: Mapping[str, Any], account: str | None = None) -> None:
        """Push an event to the sockets that the real server would send it to (protocol §7).

        `account` gives the event its `account_id`; without either, every socket gets it.
        """
        self.world.publish(message if account is None else {**message, "account_id": account})

    def push_text(self, text: str) -> None:
        """Send a frame as it is to every socket, whatever it subscribed to."""
        for session in tuple(self._listener.sessions.values()):
            session.offer(text)

    def close_all(self, code: int | None, reason: str = "") -> None:
        """End every socket: with a Close frame, or (None) without."""
        for session in tuple(self._listener.sessions.values()):
            session.end(code, reason)

    def restart(self, seconds: float) -> None:
        """Close every socket with 1012 and refuse connections for so long."""
        self._back_at = trio.current_time() + seconds
        self._outage.set()
        self._outage = trio.Event()
        self.close_all(1012)

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

    def statistics(self) -> Tally:
        """Return a snapshot of what happened at the door."""
        return attrs.evolve(self._listener.tally)

    def _random(self, purpose: str) -> random.Random:
        """Return a row of its own for each purpose, so that none disturbs another."""
        return random.Random(f"{self._seed} {purpose}")  # noqa: S311 - repeatable, not a secret

    @asynccontextmanager
    async def _alive(self) -> AsyncIterator[trio.Nursery]:
        """Let scenario and faults happen while the body runs."""
        async with background_nursery() as nursery:
            nursery.start_soon(cause, self._faults, self, self._random("faults"))
            if self._scenario is not None:
                stage = Stage(self.world, self._random("life"), ACCOUNT_A, self._speed)
                nursery.start_soon(self._scenario, stage)
            yield nursery

    async def _keep_door(
        self,
        listeners: Listeners,
        reopen: Callable[[], Awaitable[Listeners]],
        serve: Callable[[Listeners], Awaitable[None]],
    ) -> None:
        """Listen, but for the time of a restart, when connections are refused by the system."""
        while True:
            async with trio.open_nursery() as door:
                door.start_soon(serve, listeners)
                await self._outage.wait()
                door.cancel_scope.cancel()
            while trio.current_time() < self._back_at:  # noqa: ASYNC110 - a further restart moves it
                await trio.sleep_until(self._back_at)
            listeners = await reopen()


def _secured(stream: trio.SocketStream, tls: ssl.SSLContext) -> trio.SSLStream[trio.SocketStream]:
    """Return a stream that shakes hands at its first use."""
    return trio.SSLStream(stream, tls, server_side=True, https_compatible=True)


def _scenario(name: str) -> Scenario:
    if name not in SCENARIOS:
        raise UsageError(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
