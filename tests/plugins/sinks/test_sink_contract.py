"""One contract for all sinks: what each answer of `write` means is the same everywhere."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from sink_bench import (
    Console,
    Jsonl,
    Postgresql,
    SinkBench,
    Sqlite,
    Upstream,
    Webhook,
    gap,
    happened,
    unwritable,
)

from trunkline.plugin_api import NotReady, Reject

KINDS = {
    "upstream": Upstream,
    "console": Console,
    "jsonl": Jsonl,
    "sqlite": Sqlite,
    "webhook": Webhook,
    "postgresql": Postgresql,
}
#: Those that write JSON as it is; the console shows what it cannot write, the server has limits.
STRICT = ("jsonl", "sqlite", "webhook", "postgresql")


@pytest.fixture(params=KINDS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SinkBench]:
    needed = request.getfixturevalue("cluster") if request.param == "postgresql" else tmp_path
    made: Callable[[Any], SinkBench] = KINDS[request.param]
    bench = made(needed)
    yield bench
    if isinstance(bench, Console):
        bench.close()


@asynccontextmanager
async def opened(bench: SinkBench) -> AsyncIterator[Any]:
    """Open a sink as the host does: entered if it can be."""
    async with bench.ready(), AsyncExitStack() as stack:
        sink = bench.new()
        if hasattr(sink, "__aenter__"):
            await stack.enter_async_context(sink)
        yield sink


async def test_what_was_written_is_there_whole_and_in_order(bench: SinkBench) -> None:
    """`write` returns: all delivered; a gap stands in its place."""
    items: list[Any] = [happened("a"), happened("b")]
    if bench.takes_gaps:
        items.insert(1, gap())
    async with opened(bench) as sink:
        await sink.write(items[:2])
        await sink.write(items[2:])
    wanted = ["a", "gap", "b"] if bench.takes_gaps else ["a", "b"]
    assert [*bench.names()] == wanted


async def test_a_repeated_batch_is_there_once_where_that_is_promised(bench: SinkBench) -> None:
    """And twice elsewhere: a repeat is never taken for a failure."""
    items: list[Any] = [happened("a"), happened("b"), *([gap()] if bench.takes_gaps else [])]
    async with opened(bench) as sink:
        await sink.write(items)
    async with opened(bench) as sink:
        await sink.write([*items, happened("c")])
    names = [*bench.names()]
    repeats = len(names) - len(set(names))
    assert set(names) == {"a", "b", "c", *(["gap"] if bench.takes_gaps else [])}
    assert repeats == (0 if bench.is_idempotent else len(items))


async def test_a_place_that_is_away_is_waited_for(bench: SinkBench) -> None:
    """`NotReady`, before the first batch and between two; then it goes on where it was."""
    async with opened(bench) as sink:
        with bench.away(), pytest.raises(NotReady):
            await sink.write([happened("a")])
        await sink.write([happened("a")])
        with bench.away():
            for _ in range(2):
                with pytest.raises(NotReady):
                    await sink.write([happened("b")])
        await sink.write([happened("b")])
    assert [*dict.fromkeys(bench.names())] == ["a", "b"]


@pytest.mark.parametrize("bench", STRICT, indirect=True)
async def test_what_can_never_be_written_is_named_and_the_rest_is_there(bench: SinkBench) -> None:
    """`Reject` with the index in the batch; its neighbours count as delivered."""
    async with opened(bench) as sink:
        with pytest.raises(Reject) as caught:
            await sink.write([happened("a"), unwritable("b"), happened("c"), unwritable("d")])
        assert set(caught.value.reasons) == {1, 3}
        assert all(caught.value.reasons.values())
        await sink.write([happened("e")])
    assert [*bench.names()] == ["a", "c", "e"]


@pytest.mark.parametrize("bench", STRICT, indirect=True)
async def test_a_batch_of_nothing_but_refused_events_is_refused_whole(bench: SinkBench) -> None:
    """Nothing is written, and nothing is waited for."""
    async with opened(bench) as sink:
        with pytest.raises(Reject):
            await sink.write([unwritable("a")])
        await sink.write([happened("b")])
    assert [*bench.names()] == ["b"]


async def test_a_cancelled_write_leaves_the_sink_usable(bench: SinkBench) -> None:
    """Whatever became of that batch, the next ones are there, each whole."""
    async with opened(bench) as sink:
        with trio.move_on_after(0):
            await sink.write([happened("a")])
        await sink.write([happened("b")])
    assert [*dict.fromkeys(bench.names())][-1:] == ["b"]


async def test_a_sink_opened_again_goes_on_behind_what_is_there(bench: SinkBench) -> None:
    """Also after it was closed by a cancel, and opened without a batch."""
    with trio.CancelScope() as scope:
        async with opened(bench) as sink:
            await sink.write([happened("a")])
            scope.cancel()
            await trio.lowlevel.checkpoint()
    async with opened(bench):
        pass
    async with opened(bench) as sink:
        await sink.write([happened("b")])
    assert [*bench.names()] == ["a", "b"]
