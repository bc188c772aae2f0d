"""Hostile servers and broken links on real sockets: a typed error, in time, the descriptor closed."""

import os
import random
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme
from ledger_bench import watch
from transport_bench import TEXT, answer, close, everything, frame, read_request

from trunkline import open_connection
from trunkline.config import parse_url
from trunkline.errors import TransportError
from trunkline.simulator import Fault, Plan, Simulator, chaos_proxy
from trunkline.simulator.ledger import Ledger
from trunkline.transport.dialler import Dialler
from trunkline.transport.transport import open_transport

LIMIT = 45.0  # s for any of these, on a busy computer
Serve = Callable[[trio.SocketStream], Awaitable[None]]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def server(serve: Serve) -> AsyncIterator[str]:
    """Serve on loopback; yields the URL. The server keeps its side open as long as it likes."""

    async def guarded(stream: trio.SocketStream) -> None:
        try:
            await serve(stream)
            await trio.sleep_forever()
        except trio.BrokenResourceError:
            pass

    async with trio.open_nursery() as nursery:
        [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, guarded, [listener])
        yield f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/ws"
        nursery.cancel_scope.cancel()


async def say_nothing(stream: trio.SocketStream) -> None:
    await trio.lowlevel.checkpoint()


async def reject_without_end(stream: trio.SocketStream) -> None:
    await read_request(stream)
    await stream.send_all(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await stream.send_all(b"1000\r\n" + b"x" * 4096 + b"\r\n")


async def end_in_the_upgrade(stream: trio.SocketStream) -> None:
    await read_request(stream)
    await stream.send_all(b"HTTP/1.1 101 Switch")
    await stream.aclose()


async def reset_in_the_upgrade(stream: trio.SocketStream) -> None:
    await read_request(stream)
    stream.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: close by a reset
    await stream.aclose()


def saying(data: bytes) -> Serve:
    async def serve(stream: trio.SocketStream) -> None:
        await stream.send_all(answer(await read_request(stream)))
        await stream.send_all(data)

    return serve


async def never_end_a_message(stream: trio.SocketStream) -> None:
    await stream.send_all(answer(await read_request(stream)))
    await stream.send_all(frame(TEXT, b"", fin=False))
    while True:
        await stream.send_all(frame(0, b"", fin=False) * 1000)


HOSTILE: list[tuple[str, Serve, str]] = [
    ("silent in the upgrade", say_nothing, "timeout"),
    ("a rejection without end", reject_without_end, "protocol"),
    ("end of file in the upgrade", end_in_the_upgrade, "upgrade"),
    ("reset in the upgrade", reset_in_the_upgrade, "upgrade"),
    ("closes and keeps TCP open", saying(close(1011)), "closed"),
    ("reserved bits", saying(frame(TEXT, b"x", reserved=4)), "protocol"),
    ("a masked frame", saying(frame(TEXT, b"x", masked=True)), "protocol"),
    ("an unknown opcode", saying(frame(0x3, b"x")), "protocol"),
    ("text that is no UTF-8", saying(frame(TEXT, b"\xff")), "protocol"),
    ("too large", saying(frame(TEXT, b"x" * 2000)), "limit"),
    ("fragments without end", never_end_a_message, "limit"),
]


@pytest.mark.parametrize(
    ("serve", "kind"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
async def test_f4_a_hostile_server_is_left_with_a_typed_error_and_a_closed_descriptor(
    serve: Serve, kind: str
) -> None:
    """T1, T2, T3, T6, T8, T10 once more, where the system has its say."""
    with trio.fail_after(LIMIT):
        async with server(serve) as url:
            await trio.testing.wait_all_tasks_blocked()
            before = descriptors()
            with pytest.raises(TransportError) as caught:  # noqa: PT012 - opening or receiving may raise
                async with open_transport(
                    parse_url(url),
                    dial=Dialler(),
                    max_message_bytes=1024,
                    connect_timeout=1.0,
                    on_phase=lambda _: None,
                ) as transport:
                    await everything(transport)
                    await transport.receive()
            assert caught.value.kind == kind
            assert caught.value.detail
            assert descriptors() - before <= 1  # the server's side, which it keeps


async def test_f1_a_reset_at_any_byte_leaves_no_part_of_a_message() -> None:
    """Through a proxy, at 14 bytes of a stream of 1-KiB frames: whole events, then a gap."""
    rng = random.Random(1)
    ledger = Ledger()
    simulator = Simulator(seed=1)
    plans = [Plan((Fault(kind="reset", at_byte=rng.randrange(700, 9000)),)) for _ in range(14)]

    def plan(number: int) -> Plan:
        return plans[number - 1] if number <= len(plans) else Plan()

    with trio.fail_after(LIMIT):
        async with (
            simulator.listen() as url,
            chaos_proxy(url, plan) as proxied,
            open_connection(proxied, "demo-token", backoff_max=0.2) as connection,
        ):
            watch(ledger, connection, "reader", "audit")
            number = 0
            while connection.status.epoch <= len(plans) or connection.status.phase != "live":
                number += 1
                ledger.sent(number, "audit")
                text = "x" * rng.randrange(10, 1000)
                simulator.push({"topic": "audit", "type": "t", "n": number, "text": text})
                await trio.sleep(0.001)
            await connection.barrier()
            connects = connection.statistics().connect_count
    report = ledger.verify("B1", "B2")
    assert report.gaps == connects - 1 > 5
    assert report.delivered > 50


async def test_f1_a_bit_that_flips_under_tls_ends_the_link_and_alters_nothing(
    tmp_path: Path,
) -> None:
    """Without TLS it could pass for another message; with TLS it is a lost link, and a gap."""
    rng, ledger, simulator = random.Random(6), Ledger(), Simulator(seed=1)
    flips = [
        Plan((Fault(kind="corrupt", direction="out", at_byte=rng.randrange(5_000, 20_000)),))
        for _ in range(4)
    ]
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with trio.fail_after(LIMIT):
        async with (
            simulator.listen(tls=tls) as url,
            chaos_proxy(url, lambda n: flips[n - 1] if n <= len(flips) else Plan()) as proxied,
            open_connection(
                proxied, "demo-token", ca_file=str(tmp_path / "ca.pem"), backoff_max=0.2
            ) as connection,
        ):
            watch(ledger, connection, "reader", "audit")
            number = 0
            while connection.status.epoch <= len(flips) or connection.status.phase != "live":
                number += 1
                ledger.sent(number, "audit")
                simulator.push({"topic": "audit", "type": "t", "n": number, "text": "x" * 100})
                await trio.sleep(0.001)
            await connection.barrier()
    report = ledger.verify("B1", "B2")
    assert report.gaps == len(flips)
    assert report.delivered > 50


async def test_f5_slices_of_a_few_bytes_through_real_sockets() -> None:
    """Every event whole and in order, with the lane and without."""
    sliced = Plan((Fault(kind="slice", size=3),))
    for fast_lane in (True, False):
        ledger = Ledger()
        simulator = Simulator(seed=1)
        with trio.fail_after(LIMIT):
            async with (
                simulator.listen() as url,
                chaos_proxy(url, lambda _: sliced) as proxied,
                open_connection(proxied, "demo-token", fast_lane=fast_lane) as connection,
            ):
                await connection.wait_connected()
                watch(ledger, connection, "reader", "audit")
                for number in range(40):
                    ledger.sent(number, "audit")
                    simulator.push({"topic": "audit", "type": "t", "n": number, "text": "é" * 40})
                await connection.barrier()
        assert ledger.verify("B1", "B2").delivered == 40


async def test_f10_12_lost_links_in_a_row_on_real_sockets() -> None:
    """Numbered events, ends without a Close frame: zeros of B1, the topics once per epoch."""
    ledger = Ledger()
    simulator = Simulator(seed=1)
    before = descriptors()
    with trio.fail_after(LIMIT):
        async with (
            simulator.listen() as url,
            open_connection(url, "demo-token", ["audit"], backoff_max=0.2) as connection,
        ):
            watch(ledger, connection, "reader", "audit")
            number = 0
            for lost in range(12):
                await connection.wait_connected()
                for _ in range(20):
                    number += 1
                    ledger.sent(number, "audit")
                    simulator.push({"topic": "audit", "type": "t", "n": number})
                await trio.sleep(0.005)
                simulator.close_all(None)
                while connection.statistics().connect_count == lost + 1:
                    number += 1
                    ledger.sent(number, "audit")
                    simulator.push({"topic": "audit", "type": "t", "n": number})
                    await trio.sleep(0.01)
            await connection.barrier()
            subscribed = [each for each in simulator.received if '"subscribe"' in str(each.frame)]
            assert len(subscribed) == connection.statistics().connect_count
    report = ledger.verify("B1", "B2")
    assert report.inside_gaps > 12
    assert descriptors() == before
