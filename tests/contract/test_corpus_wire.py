"""C1 to C33: bad input below JSON, through the transport and through a whole connection."""

import logging
import random
import struct
import tracemalloc
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from connection_bench import open_bench
from tests.contract.corpus import upgrade, wire
from tests.contract.corpus.peer import FIRST, Peer, at_once
from transport_bench import CLOSE, TEXT, everything, frame, opened

from trunkline.config import parse_url
from trunkline.connection.close_policy import Loss, Verdict, verdict
from trunkline.connection.retry import RetryPlan
from trunkline.connection.states import ConnectionState
from trunkline.errors import TransportError
from trunkline.simulator import Simulator
from trunkline.simulator.users import ALICE
from trunkline.transport.transport import open_transport

LEAVE_LIMIT = 1.5  # s
#: {verdict: seconds between the start of an attempt and the next, without a hint}
WAITS = {Verdict.RETRY: (0.0, 3.0), Verdict.SLOW: (24.0, 36.0), Verdict.BUSY: (5.0, 361.0)}
MEMORY = 8 << 20  # bytes, with a limit of 1 MiB for a message and 8 MiB for the inbox

LANES = pytest.mark.parametrize("fast_lane", [True, False], ids=["lane", "no-lane"])


def param(case: wire.Case) -> object:
    """Return a case as a parameter."""
    marks = () if case.is_small else pytest.mark.unmeasured
    return pytest.param(case, id=case.id, marks=marks)


async def end_of(
    peer: Peer, *, fast_lane: bool, connect_timeout: float = 10.0
) -> tuple[TransportError, float]:
    """Return how a connection to `peer` ends, and when."""
    options: dict[str, Any] = {"max_message_bytes": wire.LIMIT, "fast_lane": fast_lane}
    at = None
    with pytest.raises(TransportError) as caught:  # noqa: PT012 - opening or receiving may raise
        async with opened(peer.serve, connect_timeout=connect_timeout, **options) as transport:
            await everything(transport)
            at = trio.current_time()
            await transport.aclose()
            while peer.gone is None:
                await trio.testing.wait_all_tasks_blocked()
            await transport.receive()
    return caught.value, trio.current_time() if at is None else at


def check(peer: Peer, ending: wire.Ending, error: TransportError, at: float) -> None:
    """Compare an end with what the corpus says of it."""
    assert (error.kind, error.ours) == (ending.kind, ending.ours)
    assert error.code in ending.codes
    assert verdict(Loss.of(error)) is ending.verdict
    assert error.detail
    assert (error.detail + error.reason).isprintable()
    assert peer.began is not None
    assert peer.gone is not None
    assert ending.since <= at - peer.began <= ending.until
    assert peer.gone - at <= LEAVE_LIMIT
    *before, (opcode, payload) = peer.frames()
    assert CLOSE not in [opcode for opcode, _ in before]
    assert opcode == CLOSE
    assert payload[:2] == struct.pack("!H", error.code)


@LANES
@pytest.mark.parametrize("case", [param(case) for case in wire.CASES])
async def test_the_peer_is_left_with_our_close(
    case: wire.Case, fast_lane: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """With the code of the fault, and the socket is gone at once, whatever the peer goes on to do."""
    peer = Peer(case.pieces)
    error, at = await end_of(peer, fast_lane=fast_lane)
    check(peer, case.ending, error, at)


@LANES
@pytest.mark.parametrize("case", [param(case) for case in wire.CASES if case.is_small])
async def test_the_same_byte_by_byte(
    case: wire.Case, fast_lane: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """However the bytes arrive."""

    def pieces() -> Iterator[tuple[float, bytes]]:
        for _, piece in case.pieces():
            yield from ((0.0, bytes([byte])) for byte in piece)

    peer = Peer(pieces)
    error, at = await end_of(peer, fast_lane=fast_lane)
    check(peer, case.ending, error, at)


@pytest.mark.parametrize("case", [param(case) for case in wire.CASES])
async def test_it_costs_one_epoch_and_a_gap(
    case: wire.Case, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What came before it arrives, the next attempt follows the policy, and nothing ends `failed`."""
    caplog.set_level(logging.DEBUG, "trunkline")

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, FIRST + frame(TEXT, b'{"type":"before"}')
        yield 1.0, b""
        yield from case.pieces()

    peer = Peer(pieces)
    async with (
        trio.open_nursery() as nursery,
        open_bench(wrap=peer.first(nursery), token=None, max_message_bytes=wire.LIMIT) as bench,
    ):
        await bench.connection.wait_connected()
        await bench.until(ConnectionState.RECONNECTING)
        lost_at = trio.current_time()
        with trio.move_on_after(LEAVE_LIMIT):
            await trio.sleep_forever()
        assert peer.gone is not None
        assert peer.gone - lost_at <= LEAVE_LIMIT
        await bench.until(ConnectionState.CONNECTED)
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        least, most = WAITS[case.ending.verdict]
        assert least <= bench.attempts[1] - lost_at <= most
        assert [event.epoch for event in bench.events("before")] == [1]
        assert [event.epoch for event in bench.events("after")] == [2]
        cause = "too_large" if case.ending.kind == "limit" else "reconnect"
        assert [gap.cause for gap in bench.gaps] == [cause]
        assert bench.states == ["connecting", "connected", "reconnecting", "connected"]
        assert bench.connection.statistics().disconnects == {case.ending.kind: 1}
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    told = [record.getMessage() for record in warnings]
    assert [event for event in told if event != "message.dropped"] == ["connection.lost"]
    assert not any(record.exc_info for record in caplog.records)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "case", [c for c in wire.CASES if c.number in {20, 22}], ids=lambda c: c.id
)
async def test_what_is_never_finished_takes_no_memory(
    case: wire.Case, autojump_clock: trio.testing.MockClock
) -> None:
    """However much is announced; and the account ends it after a bounded number of bytes."""
    peer = Peer(case.pieces)
    tracemalloc.start()
    try:
        await end_of(peer, fast_lane=True)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= MEMORY
    assert peer.said_bytes <= 4 * wire.LIMIT


@pytest.mark.unmeasured
@LANES
@pytest.mark.parametrize("case", wire.KEPT, ids=lambda case: case.id)
async def test_control_frames_cost_nothing_but_their_answer(
    case: wire.Harmless, fast_lane: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Every event arrives, each ping is answered once, by its own pong, and the link stays up."""
    peer = Peer(at_once(case.said))
    got: list[bytes] = []
    async with opened(peer.serve, max_message_bytes=wire.LIMIT, fast_lane=fast_lane) as transport:
        while len(got) < case.events:
            got += await transport.receive()
        await trio.sleep(5)
        assert peer.frames() == list(case.answers)
        assert peer.gone is None
        await transport.send("still here")
    assert got == [b"e%d" % number for number in range(case.events)]


@pytest.mark.unmeasured
@LANES
async def test_c23_a_peer_that_reads_slowly_holds_up_its_own_pings_only(
    fast_lane: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Over a stream without any buffer: nothing is queued, nothing is lost, nothing locks up."""
    [case] = [case for case in wire.KEPT if case.number == 23]
    data = case.said[:30_000]
    whole = data.count(b"\x89") - 1  # the last one may be cut
    ours, theirs = trio.testing.lockstep_stream_pair()
    peer = Peer(at_once(data))
    got: list[bytes] = []

    async def dial(*_: object) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        return ours

    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer.serve, theirs)
        async with open_transport(
            parse_url("ws://127.0.0.1:1/"),
            dial=dial,
            max_message_bytes=wire.LIMIT,
            connect_timeout=10,
            fast_lane=fast_lane,
            on_phase=lambda _: None,
        ) as transport:
            while len(peer.heard) < sum(6 + len(payload) for _, payload in case.answers[:whole]):
                with trio.move_on_after(1):
                    got += await transport.receive()
            assert peer.frames()[:whole] == list(case.answers[:whole])
    assert got == [b"e%d" % number for number in range(len(got))]
    assert len(got) >= whole // wire.EVENT_EVERY


@pytest.mark.parametrize("case", upgrade.CASES, ids=lambda case: case.id)
async def test_an_answer_that_is_no_upgrade_has_a_name(
    case: upgrade.Case, autojump_clock: trio.testing.MockClock
) -> None:
    """Kind, status and verdict as the corpus says, nothing of the peer's text, and one request."""
    peer = Peer(at_once(b""), reply=case.reply, hangs_up=case.then == upgrade.END)
    start = trio.current_time()
    error, _ = await end_of(peer, fast_lane=True)
    outcome = case.outcome
    assert (error.kind, error.status) == (outcome.kind, outcome.status)
    assert error.retry_after == (outcome.hint and pytest.approx(outcome.hint, rel=0.01))
    assert trio.current_time() - start <= outcome.until + LEAVE_LIMIT
    assert error.detail
    assert "canary" not in str(error) + error.reason
    loss = Loss.of(error)
    assert verdict(loss) is outcome.verdict
    for seed in range(20):
        assert RetryPlan(30.0, random.Random(seed)).after(loss).wait <= outcome.longest_wait


@pytest.mark.parametrize("case", upgrade.CASES, ids=lambda case: case.id)
async def test_a_connection_comes_back_after_it(
    case: upgrade.Case, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """By itself, to the same address, with no gap where there was no link."""
    caplog.set_level(logging.DEBUG, "trunkline")
    simulator = Simulator(seed=1, users={"canary-token": ALICE})
    peer = Peer(at_once(b""), reply=case.reply, hangs_up=case.then == upgrade.END)
    async with (
        trio.open_nursery() as nursery,
        open_bench(simulator, wrap=peer.first(nursery), token="canary-token") as bench,
    ):
        await bench.until(ConnectionState.RECONNECTING)
        lost_at = trio.current_time()
        await bench.next_change()
        least, most = WAITS[case.outcome.verdict]
        assert least <= bench.attempts[1] - lost_at <= most
        assert len(bench.attempts) == 2
        assert bench.gaps == []
        assert bench.connection.statistics().disconnects[case.outcome.kind] == 1
    assert b"canary" not in peer.request
    assert not any(record.exc_info for record in caplog.records)
    assert "canary" not in str([attrs.asdict(change) for change in bench.changes])
    assert not any("canary" in str(vars(record)) for record in caplog.records)
