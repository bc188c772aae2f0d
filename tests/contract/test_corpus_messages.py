"""C34 to C52: odd messages, through a real connection over memory streams."""

import logging
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson
import pytest
import trio
import trio.testing
from connection_bench import Bench, open_bench
from tests.contract.corpus.checks import MEMORY, check_kept, check_log
from tests.contract.corpus.messages import (
    CANARY,
    CASES,
    Arrives,
    Case,
    Dropped,
    Unclassified,
    large,
)
from tests.contract.corpus.peer import AUTHENTICATED, FIRST, Peer, Pieces
from transport_bench import BINARY, TEXT, frame

from trunkline.errors import InvalidData
from trunkline.events import Event

FLOOD = 200


def check_outcome(bench: Bench, outcome: Dropped | Arrives | Unclassified, text: str) -> None:
    """Compare what became of a message with what the corpus says."""
    dropped = bench.connection.statistics().dropped
    unclassified = dict(bench.router.statistics().unclassified)
    assert unclassified.pop("before") == unclassified.pop("after") == 1
    announced = [
        event.get("type")
        for event in bench.events("system")
        if event.type == "message.unclassified" and event.get("type") not in {"before", "after"}
    ]
    arrived = [
        item
        for item in bench.seen
        if isinstance(item, Event) and item.topic not in {"before", "after", "system"}
    ]
    match outcome:
        case Dropped(reason):
            assert dropped == {reason: 1}
            assert (arrived, unclassified, announced) == ([], {}, [])
        case Arrives(topic, data, is_writable):
            assert dropped == {}
            [event] = arrived
            assert (event.topic, event.origin) == (topic, "live")
            if data is not None:
                assert event.data == data
            else:  # too deep to be compared by recursion
                assert depth(event.get("a")) == text.count("[")
            check_writing(event, is_writable)
        case Unclassified(shown, counted, topic):
            assert dropped == {}
            assert unclassified == {counted: 1}
            assert announced == [shown]
            assert [event.topic for event in arrived] == ([] if topic is None else [topic])


def depth(value: Any) -> int:
    """Return how many lists stand in each other."""
    levels = 0
    while isinstance(value, list):
        levels += 1
        value = value[0] if value else None
    return levels


def check_writing(event: Event, is_writable: bool) -> None:
    """Check that an event is written as JSON, or refused by name."""
    if is_writable:
        assert orjson.loads(event.to_json())["data"] == event.data
        return
    with pytest.raises(InvalidData, match=event.id):
        event.to_json()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
@pytest.mark.parametrize("fast_lane", [True, False], ids=["lane", "no-lane"])
async def test_an_odd_message_costs_nothing_but_itself(
    case: Case,
    fast_lane: bool,
    autojump_clock: trio.testing.MockClock,
    log: pytest.LogCaptureFixture,
) -> None:
    """Counted where it is dropped, the events around it arrive, same epoch, no word of it logged."""
    text = case.text()
    async with open_bench(fast_lane=fast_lane) as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})
        bench.simulator.push_text(text)
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        check_outcome(bench, case.outcome, text)
        if case.number == 51:
            [event] = bench.events("flow_executions")
            assert abs(event.received_at - datetime.now(UTC)).days < 365 * 20
            assert event.received_at.timestamp() >= 1_795_000_000
    warnings = check_log(log)
    if isinstance(case.outcome, Dropped) and case.outcome.path is not None:
        [warning] = warnings
        assert case.outcome.path in str(vars(warning))


def floods() -> Iterator[Any]:
    """Yield one case of each number that is dropped."""
    numbers = set()
    for case in CASES:
        if isinstance(case.outcome, Dropped) and case.number not in numbers:
            numbers.add(case.number)
            yield pytest.param(case, id=case.id)


@pytest.mark.parametrize("case", list(floods()))
async def test_a_flood_of_them_is_counted_and_not_logged_one_by_one(
    case: Case, autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """One warning at most in a minute, however many come."""
    assert isinstance(case.outcome, Dropped)
    text = case.text()
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})
        for _ in range(FLOOD):
            bench.simulator.push_text(text)
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        assert bench.connection.statistics().dropped == {case.outcome.reason: FLOOD}
    check_log(log)


async def test_all_of_the_corpus_in_one_life(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """One after the other, in one read or in many: every drop is counted, every event arrives."""
    expected: dict[str, int] = {}
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})
        for number, case in enumerate(CASES):
            if isinstance(case.outcome, Dropped):
                expected[case.outcome.reason] = expected.get(case.outcome.reason, 0) + 1
            bench.simulator.push_text(case.text())
            bench.simulator.push({"type": "between", "n": number})
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        assert [event.get("n") for event in bench.events("between")] == list(range(len(CASES)))
        assert bench.connection.statistics().dropped == expected
    check_log(log, most=len(CASES))


def saying(*frames: bytes) -> Pieces:
    """Say everything up to READY, then `frames`."""

    def pieces() -> Iterator[tuple[float, bytes]]:
        yield 0.0, FIRST
        yield 0.5, AUTHENTICATED
        yield 0.5, b"".join(frames)

    return pieces


async def test_c34a_a_binary_message_is_dropped_and_counted(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """Where a user of the connection sees it."""
    before, after = frame(TEXT, b'{"type":"before"}'), frame(TEXT, b'{"type":"after"}')
    peer = Peer(saying(before, frame(BINARY, CANARY.encode()), frame(BINARY), after))
    async with (
        trio.open_nursery() as nursery,
        open_bench(wrap=peer.first(nursery)) as bench,
    ):
        await bench.connection.wait_connected()
        await trio.sleep(1)
        check_kept(bench)
        assert sum(bench.connection.statistics().dropped.values()) == 2
    check_log(log)


@pytest.mark.unmeasured
async def test_c39_the_smallest_objects_in_the_largest_message_arrive(
    autojump_clock: trio.testing.MockClock, log: pytest.LogCaptureFixture
) -> None:
    """Parsed at thirty times its size; ten more are the bench's own copies. And it comes back."""
    text = large()
    assert 0.98 * (4 << 20) < len(text) < 4 << 20
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.simulator.push({"type": "before"})
        await trio.sleep(1)
        tracemalloc.start()
        try:
            bench.simulator.push_text(text)
            bench.simulator.push({"type": "after"})
            await trio.sleep(1)
            [event] = bench.events("large")
            assert len(event.get("a")) == text.count("{}")
            _, peak = tracemalloc.get_traced_memory()
            assert peak <= (30 + 10) * (4 << 20)
            bench.seen.remove(event)
            del event
            now, _ = tracemalloc.get_traced_memory()
            assert now <= MEMORY + len(text)
        finally:
            tracemalloc.stop()
        check_kept(bench)
    check_log(log)


@attrs.frozen
class Progress:
    """What a plugin makes of a message."""

    n: int
    ok: bool = True


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({}, "$.n: required key 'n' is missing", id="C45"),
        pytest.param({"n": "5"}, "$.n: expected an integer", id="C46"),
        pytest.param({"n": 5, "ok": "false"}, "$.ok: expected true or false", id="C47"),
    ],
)
async def test_in_a_typed_view_it_is_an_error_of_that_handler_alone(
    fields: dict[str, Any],
    path: str,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With the path and no value, one line for all of them; the other handlers never notice."""
    caught: list[str] = []
    good: list[int] = []

    def handler(event: Event) -> None:
        try:
            good.append(event.as_(Progress).n)
        except InvalidData as exc:
            caught.append(str(exc))
            raise

    message = {"type": "progress", "secret": CANARY, **fields}
    async with open_bench() as bench:
        await bench.connection.wait_connected()
        bench.connection.subscribe("progress", handler)
        bench.simulator.push({"type": "before"})
        for _ in range(3):
            bench.simulator.push(message)
        bench.simulator.push({"type": "progress", "n": 1})
        bench.simulator.push({"type": "after"})
        await trio.sleep(1)
        check_kept(bench)
        assert len(bench.events("progress")) == 4
        assert caught == [f"Progress: {path}"] * 3
        assert good == [1]
        assert bench.router.statistics().handler_errors == {"": 3}
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert warning.getMessage() == "handler.failed"
    assert CANARY not in caplog.text
