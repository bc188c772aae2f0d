"""What a message costs, step by step, in one process: `python -m tests.benchmarks.stages`.

The least of many short runs, which is what the step costs where nothing disturbs it.
"""

import json
import time
from collections.abc import Callable

import orjson
from tests.benchmarks.messages import frame, message, wanted

from trunkline.connection.protocol import fallback_rules
from trunkline.events import Event, Unsealed
from trunkline.routing.index import TopicIndex
from trunkline.routing.router import Router
from trunkline.routing.statistics import Count
from trunkline.routing.subscription import InlineSubscription
from trunkline.routing.table import RouteTable
from trunkline.transport.guard import READ_BYTES
from trunkline.transport.lane import Lane

COUNT = 1_000
RUNS = 300
TOPIC = "flow_executions"
HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


def stages() -> dict[str, float]:
    """Return {step: microseconds a message}."""
    stream = b"".join(frame(message(number)) for number in range(COUNT))
    chunks = [stream[at : at + READ_BYTES] for at in range(0, len(stream), READ_BYTES)]
    batches = _walked(chunks)
    payloads = [payload for batch in batches for payload in batch]
    decoded = [orjson.loads(payload) for payload in payloads]
    assert len(payloads) == COUNT
    router, index = _router(""), _index()
    owned = _router("plugin")
    least = _least(
        {
            "lane": lambda: _walked(chunks),
            "decode": lambda: _decoded(payloads),
            "event": lambda: _made(decoded),
            "find": lambda: _found(index, decoded),
            "whole": lambda: _handed_out(router, batches),
            "owned": lambda: _handed_out(owned, batches),
        }
    )
    parts = least["decode"] + least["event"] + least["find"]
    return {
        "walk the header, check, copy": least["lane"],
        "decode": least["decode"],
        "make the event": least["event"],
        "find who wants it, 12 subscriptions": least["find"],
        "classify, count, call": least["whole"] - parts,
        "all of these": least["lane"] + least["whole"],
        "count the time of a plugin's callback": least["owned"] - least["whole"],
    }


def _least(steps: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Run the steps in turn; return the microseconds a message that each took at least."""
    found = dict.fromkeys(steps, float("inf"))
    for _ in range(RUNS):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            found[name] = min(found[name], (time.perf_counter() - start) / COUNT * 1e6)
    return found


def _walked(chunks: list[bytes]) -> list[list[bytes]]:
    lane = Lane(1 << 22)
    lane.feed(HEAD)
    return [lane.feed(chunk)[0] for chunk in chunks]


def _ignore(_: Event) -> None:
    """Be called."""


def _router(owner: str) -> Router:
    router = Router(RouteTable(fallbacks=fallback_rules()))
    router.subscribe(TOPIC, _ignore, owner=owner)
    for execution in wanted(12):
        router.subscribe(TOPIC, _ignore, where={"execution_id": execution}, owner=owner)
    return router


def _index() -> TopicIndex:
    """Return an index with the same subscriptions."""
    from trunkline.routing.faults import Faults
    from trunkline.routing.subscription import prepared

    index, faults = TopicIndex(TOPIC, Count()), Faults(time.monotonic)
    for where in [None, *({"execution_id": execution} for execution in wanted(12))]:
        index.add(InlineSubscription(TOPIC, "", *prepared(TOPIC, where), faults, _ignore, None))
    return index


def _handed_out(router: Router, batches: list[list[bytes]]) -> None:
    for batch in batches:
        router.route_batch(batch, orjson.loads, _refuse, 1, 1.0)


def _refuse(what: object) -> None:
    raise AssertionError(f"not routed: {what!r}")


def _decoded(payloads: list[bytes]) -> None:
    for payload in payloads:
        orjson.loads(payload)


def _made(decoded: list[dict[str, object]]) -> None:
    for data in decoded:
        Unsealed().sealed(TOPIC, "agent_log_line", data, 1, "live", 1.0)


def _found(index: TopicIndex, decoded: list[dict[str, object]]) -> None:
    for data in decoded:
        index.find(data)


if __name__ == "__main__":
    print(json.dumps({step: round(each, 3) for step, each in stages().items()}, indent=2))
