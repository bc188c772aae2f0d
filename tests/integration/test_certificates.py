"""F12: a certificate that expires or is replaced while a client runs, on real sockets."""

import datetime as dt
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trio
import trustme

from trunkline import ConnectionState, backoff, open_connection
from trunkline.connection.connection import Connection
from trunkline.simulator import Simulator

LIMIT = 45.0  # s, on a busy computer
PATH = "/api/v1/ws/unified"


class Terminator:
    """TLS before a simulator, with a certificate that can be changed."""

    def __init__(self, authority: trustme.CA) -> None:
        self.authority = authority
        self.context = self._context()

    def _context(self, expires: dt.datetime | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1", not_after=expires).configure_cert(context)
        return context

    def expire(self) -> None:
        self.context = self._context(dt.datetime.now(dt.UTC) - dt.timedelta(days=1))

    def renew(self) -> None:
        self.context = self._context()

    async def serve(self, url: str, stream: trio.SocketStream) -> None:
        """Pass bytes on, both ways, until either side ends."""
        parts = urlsplit(url)
        outer = trio.SSLStream(stream, self.context, server_side=True, https_compatible=True)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with (
                outer,
                await trio.open_tcp_stream(parts.hostname or "", parts.port or 0) as inner,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(pump, outer, inner, nursery.cancel_scope)
                nursery.start_soon(pump, inner, outer, nursery.cancel_scope)


async def pump(source: trio.abc.Stream, target: trio.abc.Stream, scope: trio.CancelScope) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        while data := await source.receive_some():
            await target.send_all(data)
    scope.cancel()


@asynccontextmanager
async def secured(terminator: Terminator, simulator: Simulator) -> AsyncIterator[str]:
    """Serve; yields the URL."""
    async with simulator.listen() as url, trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, partial(terminator.serve, url), [listener])
        yield f"wss://127.0.0.1:{listener.socket.getsockname()[1]}{PATH}"
        nursery.cancel_scope.cancel()


async def lost(connection: Connection) -> None:
    while connection.state is ConnectionState.CONNECTED:  # noqa: ASYNC110 - a socket breaks it
        await trio.sleep(0.01)


async def refused(connection: Connection, times: int) -> None:
    while connection.statistics().disconnects.get("tls", 0) < times:  # noqa: ASYNC110 - nobody tells
        await trio.sleep(0.02)


async def test_f12_an_expired_certificate_is_one_error_and_heals_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Attempts go on slowly; with the new one it is connected at the next, or by `retry_now()`."""
    monkeypatch.setattr(backoff, "SLOW_STEPS", (0.05, 0.05, 0.05, 30.0))
    simulator = Simulator(seed=1)
    terminator = Terminator(trustme.CA())
    ca_file = tmp_path / "ca.pem"
    terminator.authority.cert_pem.write_to_path(ca_file)
    with trio.fail_after(LIMIT):
        async with (
            secured(terminator, simulator) as url,
            open_connection(url, "demo-token", ca_file=ca_file, backoff_max=0.2) as connection,
        ):
            await connection.wait_connected()
            terminator.expire()
            simulator.close_all(None)
            await refused(connection, 4)
            assert "expired" in (connection.status.cause or "")
            assert connection.state is ConnectionState.RECONNECTING
            terminator.renew()
            connection.retry_now()
            await connection.wait_connected()

            terminator.authority = trustme.CA()  # a new authority, and both sides learn of it
            terminator.authority.cert_pem.write_to_path(ca_file)
            terminator.renew()
            simulator.close_all(None)
            await lost(connection)
            await connection.wait_connected()
    errors = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert errors == ["connection.lost"]
