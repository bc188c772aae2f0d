"""From an endpoint to a stream: names, addresses in turn, certificates; on real sockets."""

import socket
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

from trunkline.config import parse_url
from trunkline.errors import TransportError
from trunkline.transport.dialler import Dialler, ThreadResolver, default_context

FAMILY = socket.AF_INET


def resolver(*ports: int) -> Any:
    """Resolve every name to these ports of this machine."""

    async def resolve(_host: str, _port: int) -> list[tuple[int, Any]]:
        await trio.lowlevel.checkpoint()
        return [(FAMILY, ("127.0.0.1", port)) for port in ports]

    return resolve


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def silent_port() -> Iterator[int]:
    """Hold a port that never answers: a full backlog makes it so."""
    with ExitStack() as sockets:
        silent = sockets.enter_context(socket.socket())
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for _ in range(4):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        yield int(silent.getsockname()[1])


@asynccontextmanager
async def listening(handler: Any = None) -> AsyncIterator[int]:
    """Accept connections; yields the port."""

    async def hold(stream: trio.SocketStream) -> None:
        async for _ in stream:
            pass

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(
            partial(trio.serve_tcp, handler or hold, 0, host="127.0.0.1")
        )
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def dial(dialler: Dialler, url: str) -> tuple[trio.abc.Stream, list[str]]:
    phases: list[str] = []
    with trio.fail_after(5):
        return await dialler(parse_url(url), phases.append), phases


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_good_address_behind_dead_ones_is_reached() -> None:
    """In turn, each with its share of the time."""
    async with listening() as port:
        dialler = Dialler(resolver=resolver(dead_port(), dead_port(), port))
        stream, phases = await dial(dialler, "ws://several.example/")
        assert phases == ["dns", "tcp"]
        await stream.aclose()


async def test_an_address_that_does_not_answer_gives_way_to_the_next() -> None:
    """The share of the time decides, not the whole."""
    with silent_port() as silent:
        async with listening() as port:
            dialler = Dialler(resolver=resolver(silent, port))
            with trio.fail_after(1.0):
                stream = await dialler(parse_url("ws://h/"), lambda _: None)
            await stream.aclose()


async def test_a_dial_that_was_cancelled_meanwhile_ends_as_cancelled() -> None:
    """The resolver is not to be stopped; what comes after it sees that nobody waits any more."""

    async def resolve(_: object, __: int) -> list[tuple[int, object]]:
        scope.cancel()
        return [(socket.AF_INET, ("127.0.0.1", 1))]

    dialler = Dialler(resolver=resolve)
    with trio.CancelScope() as scope:
        await dialler(parse_url("ws://localhost:1/x"), lambda _: None)
    assert scope.cancelled_caught


async def test_silence_everywhere_is_a_timeout() -> None:
    """The share of the only address is all there is."""
    with silent_port() as port:
        with trio.move_on_after(0.3) as scope:
            await Dialler(resolver=resolver(port))(parse_url("ws://h/"), lambda _: None)
        assert scope.cancelled_caught


async def test_where_no_address_answers_the_last_cause_is_told() -> None:
    """Refused, by name and address; nothing stays open."""
    before = descriptors()
    with pytest.raises(TransportError, match="refused: ws://h/") as caught:
        await dial(Dialler(resolver=resolver(dead_port())), "ws://h/")
    assert caught.value.kind == "refused"
    with pytest.raises(TransportError, match="no address") as caught:
        await dial(Dialler(resolver=resolver()), "ws://h/")
    assert caught.value.kind == "dns"
    assert descriptors() == before


async def test_a_name_that_does_not_exist_is_a_dns_error() -> None:
    """The system's own words, with the name."""
    with pytest.raises(TransportError, match=r"no\.such\.host\.invalid") as caught:
        await dial(Dialler(), "ws://no.such.host.invalid/")
    assert caught.value.kind == "dns"


async def test_localhost_is_resolved_by_the_system() -> None:
    """The resolver of ours, in a thread of its own."""
    found = await ThreadResolver()("127.0.0.1", 80)
    assert found == [(socket.AF_INET, ("127.0.0.1", 80))]


async def test_f11_acceptance_14_a_resolver_that_hangs_holds_two_threads_and_nobody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Forty abandoned look-ups; other calls in threads go on."""
    release = threading.Event()
    running = 0

    def hang(*_: object, **__: object) -> list[Any]:
        nonlocal running
        running += 1
        release.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    ours = ThreadResolver()
    try:
        for _ in range(40):
            with trio.move_on_after(0.001):
                await ours("h", 1)
        assert running <= 2
        with trio.fail_after(2):
            assert await trio.to_thread.run_sync(lambda: "free") == "free"
    finally:
        release.set()
    monkeypatch.undo()
    await trio.to_thread.run_sync(lambda: None)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@asynccontextmanager
async def secured(authority: trustme.CA, name: str) -> AsyncIterator[int]:
    """Serve TLS with a certificate for `name`; yields the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)

    async def handler(stream: trio.SocketStream) -> None:
        secure = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        try:
            while await secure.receive_some():
                pass
        except trio.BrokenResourceError:
            return

    async with listening(handler) as port:
        yield port


def trusting(authority: trustme.CA, path: Path) -> Any:
    authority.cert_pem.write_to_path(path)
    return lambda: default_context(path)


async def test_s1_a_verified_certificate_is_taken(authority: trustme.CA, tmp_path: Path) -> None:
    """From the CA file, by the name in the URL; phases told."""
    async with secured(authority, "events.example") as port:
        dialler = Dialler(
            ssl_context_factory=trusting(authority, tmp_path / "ca.pem"), resolver=resolver(port)
        )
        stream, phases = await dial(dialler, "wss://events.example/")
        assert phases == ["dns", "tcp", "tls"]
        await stream.send_all(b"x")
        await trio.aclose_forcefully(stream)


@pytest.mark.parametrize(
    ("name", "is_trusted", "words"),
    [("other.example", True, "events.example"), ("events.example", False, "certificate verify failed")],
)  # fmt: skip
async def test_s1_a_wrong_certificate_is_refused_at_once_by_name(
    name: str, is_trusted: bool, words: str, authority: trustme.CA, tmp_path: Path
) -> None:
    """OpenSSL's own words, in no time, and the socket is closed."""
    async with secured(authority, name) as port:
        factory = trusting(authority, tmp_path / "ca.pem") if is_trusted else default_context
        before = descriptors()
        with pytest.raises(TransportError, match=words) as caught:
            await dial(
                Dialler(ssl_context_factory=factory, resolver=resolver(port)),
                "wss://events.example/",
            )
        assert caught.value.kind == "tls"
        await trio.sleep(0.05)
        assert descriptors() <= before


async def test_t6_tls_to_a_plain_port_is_a_tls_error() -> None:
    """Not a time-out, and nothing of ours on the wire but the hello."""

    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(plain) as port:
        with pytest.raises(TransportError) as caught:
            await dial(Dialler(resolver=resolver(port)), "wss://h.example/")
    assert caught.value.kind == "tls"


async def test_a_cancel_during_the_handshake_closes_the_socket() -> None:
    """Who dials, closes (T4)."""
    async with listening() as port:
        before = descriptors()
        with trio.move_on_after(0.2) as scope:
            await Dialler(resolver=resolver(port))(parse_url("wss://h.example/"), lambda _: None)
        assert scope.cancelled_caught
        await trio.sleep(0.05)
        assert descriptors() <= before


async def test_acceptance_14_a_replaced_ca_file_is_seen_by_the_next_attempt(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """A new context for each."""
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    async with secured(authority, "events.example") as port:
        dialler = Dialler(
            ssl_context_factory=lambda: default_context(path), resolver=resolver(port)
        )
        with pytest.raises(TransportError, match="verify failed"):
            await dial(dialler, "wss://events.example/")
        authority.cert_pem.write_to_path(path)
        stream, _ = await dial(dialler, "wss://events.example/")
        await trio.aclose_forcefully(stream)
