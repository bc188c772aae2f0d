"""The budgets, and whether they are kept: what was aimed at before anything was measured."""

from collections.abc import Callable

import attrs
from tests.benchmarks.figures import Figures

Value = Callable[[Figures], float | None]
MIB = 1024 * 1024


@attrs.frozen
class Budget:
    """One line of the table."""

    what: str
    value: Value
    limit: float
    unit: str = "x"
    at_least: bool = True
    scale: float = 1.0
    """What a value is divided by to be shown in `unit`."""
    if_missed: str = ""
    """Why it may be missed."""

    def verdict(self, figures: Figures) -> tuple[str, str, str]:
        """Return the limit, the value and the verdict as text."""
        sign = "≥" if self.at_least else "≤"
        limit = f"{sign} {_text(self.limit / self.scale)} {self.unit}"
        value = self.value(figures)
        if value is None:
            return limit, "not measured", "skipped"
        kept = value >= self.limit if self.at_least else value <= self.limit
        off = abs(value / self.limit - 1)
        return (
            limit,
            f"{_text(value / self.scale)} {self.unit}",
            "kept" if kept else f"missed by {off:.0%}",
        )


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(name: str, to: str) -> Value:
    return lambda figures: figures.ratio(name, to)


def _median(name: str) -> Value:
    return lambda figures: figures.median(name)


ROUTING = "What is left between the two is described, in microseconds, on the page [Performance](performance.md); from run to run the ratio moves by 5 %."
LATENCY = "A reader that shares two cores with its sender waits for the scheduler first; from run to run the p99 moves by a third."

BUDGETS = (
    Budget("whole job, 12 subscriptions, against Node `ws` and a linear router", _ratio("trunkline 12", "node 12"), 1.4, if_missed=ROUTING),
    Budget("the same, 10,000 subscriptions", _ratio("trunkline subscriptions 10000", "node subscriptions 10000"), 50),
    Budget("whole job against `websockets` on asyncio, which receives and decodes only", _ratio("trunkline 12", "websockets_asyncio"), 2.3, if_missed=ROUTING),
    Budget("whole job against aiohttp, which receives and decodes only", _ratio("trunkline 12", "aiohttp_client"), 1.1, if_missed=ROUTING),
    Budget("whole job against the floor: headers walked by hand, decode, nothing else", _ratio("trunkline 12", "by_hand"), 0.65, if_missed=ROUTING),
    Budget("10,000 subscriptions by key against 10", _ratio("trunkline subscriptions 10000", "trunkline subscriptions 10"), 0.9),
    Budget("latency at 5,000 messages a second, p50", _median("trunkline load 5000 p50"), 0.3, "ms", at_least=False, if_missed=LATENCY),
    Budget("latency at 5,000 messages a second, p99", _median("trunkline load 5000 p99"), 2.0, "ms", at_least=False, if_missed=LATENCY),
    Budget("p50 there against a bare trio-websocket loop", _ratio("trunkline load 5000 p50", "trio_websocket load 5000 p50"), 1.0, at_least=False, if_missed="Batches and a task of their own cost two more steps of the event loop than reading and decoding in place."),
    Budget("p99 there against a bare trio-websocket loop", _ratio("trunkline load 5000 p99", "trio_websocket load 5000 p99"), 1.0, at_least=False, if_missed=LATENCY),
    Budget("p99 beside a handler that sleeps against p99 without", _ratio("trunkline sleeper load 5000 p99", "trunkline load 5000 p99"), 1.1, at_least=False, if_missed="Each event that the full mailbox of the sleeper drops is counted in the time of the reader, about 1 µs; and a p99 of 0.3 ms is mostly the scheduler's, other from run to run."),
    Budget("memory of an idle subscription with a synchronous callback", _median("bytes of an idle subscription"), 1024, "bytes", at_least=False),
    Budget("`track_action`, as the caller sees it", _median("recorded call"), 200_000, "calls/s", if_missed="A call copies what it was given, makes an id and puts the record into the inbox, under a lock; all else is done later."),
    Budget("events through the stages into the outbox file", _median("recorded stored"), 50_000, "events/s", if_missed="Each event is staged and encoded as JSON in a worker that shares the interpreter with the caller."),
    Budget("`trunkline --version` over a bare interpreter", _median("seconds of --version over a bare interpreter"), 0.15, "ms", at_least=False, scale=0.001),
    Budget("a host is connected: four built-in plugins, a local server", _median("seconds until a host is connected"), 0.5, "ms", at_least=False, scale=0.001, if_missed="Nearly all of it is Python importing libraries; libraries that only some hosts need are imported when they are needed."),
    Budget("resident memory of an idle host", _median("bytes of an idle host"), 60 * MIB, "MiB", at_least=False, scale=MIB, if_missed="Libraries, not data: what an import takes stays."),
)  # fmt: skip
