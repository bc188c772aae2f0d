"""From an endpoint to a connected, verified byte stream: DNS, TCP and TLS, each by name.

Trio's own `open_tcp_stream` resolves in a thread limiter that the whole process shares; here a
stuck resolver holds two threads at most and nobody else's. Proxies named in the environment are
not used.
"""

import errno
import math
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import trio

from trunkline.config import Endpoint
from trunkline.errors import TransportError

OnPhase = Callable[[str], None]
Dial = Callable[[Endpoint, OnPhase], Awaitable[trio.abc.Stream]]
#: Family, and the address as `connect` takes it.
Address = tuple[int, Any]
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]

RESOLVER_THREADS = 2
_WANTED = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
#: The second net under the heartbeat: {option: value}, as far as the platform has them.
KEEPALIVE = {getattr(socket, n): value for n, value in _WANTED.items() if hasattr(socket, n)}


def default_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Return a fresh verifying context, so that a replaced CA file is seen by the next attempt."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Dialler:
    """Opens streams; called with an endpoint and a listener for the phase it is in."""

    def __init__(
        self,
        *,
        ssl_context_factory: Callable[[], ssl.SSLContext] = default_context,
        resolver: Resolver | None = None,
    ) -> None:
        self._ssl_context_factory = ssl_context_factory
        self._resolver = resolver or ThreadResolver()

    async def __call__(self, endpoint: Endpoint, on_phase: OnPhase) -> trio.abc.Stream:
        """Return a connected stream; the deadline is the caller's.

        Raises:
            TransportError: `dns`, `refused`, `timeout` or `tls`.
        """
        on_phase("dns")
        addresses = await self._resolver(endpoint.host, endpoint.port)
        on_phase("tcp")
        stream = await _connect(addresses, endpoint.display)
        if not endpoint.secure:
            return stream
        on_phase("tls")
        return await self._shake_hands(stream, endpoint.host)

    async def _shake_hands(self, stream: trio.SocketStream, host: str) -> trio.abc.Stream:
        try:
            secured = trio.SSLStream(
                stream, self._ssl_context_factory(), server_hostname=host, https_compatible=True
            )
            await secured.do_handshake()
        except (trio.BrokenResourceError, OSError, ssl.SSLError) as exc:
            await trio.aclose_forcefully(stream)
            cause = exc.__cause__ or exc
            raise TransportError("tls", f"{type(cause).__name__}: {cause}"[:200]) from exc
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)
            raise
        return secured


class ThreadResolver:
    """The system's resolver in threads of its own."""

    def __init__(self) -> None:
        self._limiter: trio.CapacityLimiter | None = None

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of `host`, the best first.

        Raises:
            TransportError: `dns`.
        """
        if self._limiter is None:
            self._limiter = trio.CapacityLimiter(RESOLVER_THREADS)
        try:
            found = await trio.to_thread.run_sync(
                _look_up, host, port, abandon_on_cancel=True, limiter=self._limiter
            )
        except (OSError, UnicodeError) as exc:
            raise TransportError("dns", f"{host}: {exc}") from exc
        return [(family, address) for family, _, _, _, address in found]


def _look_up(host: str, port: int) -> Sequence[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


async def _connect(addresses: Sequence[Address], display: str) -> trio.SocketStream:
    """Try the addresses in turn, each with an equal share of the time that is left."""
    error = TransportError("dns", f"{display}: the name has no address")
    for number, (family, address) in enumerate(addresses):
        left = max(0.0, trio.current_effective_deadline() - trio.current_time())  # 0: cancelled
        share = left / (len(addresses) - number) if left < math.inf else math.inf
        with trio.move_on_after(share):
            try:
                return await _connect_one(family, address)
            except OSError as exc:
                error = TransportError(_kind(exc), f"{display}: {exc.strerror or exc}")
                continue
        error = TransportError("timeout", f"{display}: no answer to TCP")
        await trio.lowlevel.checkpoint_if_cancelled()
    raise error


async def _connect_one(family: int, address: object) -> trio.SocketStream:
    sock = trio.socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEPALIVE.items():
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        await sock.connect(address)
        return trio.SocketStream(sock)
    except BaseException:
        sock.close()
        raise


def _kind(exc: OSError) -> Any:
    return "timeout" if exc.errno == errno.ETIMEDOUT else "refused"
