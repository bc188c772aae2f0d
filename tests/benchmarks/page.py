"""Writes `docs/benchmarks.md` from the figures."""

import platform
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks import latency, throughput
from tests.benchmarks.budgets import BUDGETS, MIB
from tests.benchmarks.figures import Figures
from tests.benchmarks.messages import SIZE
from tests.benchmarks.processes import NODE_PEER

LIBRARIES = ("trio", "trio-websocket", "orjson", "aiohttp", "websockets")
NAMES = {
    "trunkline 12": "Trunkline, the whole job, 12 subscriptions",
    "trunkline subscriptions 10000": "the same with 10,000 subscriptions",
    "trunkline 12 TLS": "the same with 12 over TLS",
    "trunkline 12 lane off": "the same with 12, `fast_lane = false`",
    "node 12": "Node `ws`, `JSON.parse`, a linear router, 12 subscriptions",
    "node subscriptions 10000": "the same with 10,000 subscriptions",
    "by_hand": "floor: headers walked by hand over a trio stream, orjson; nothing checked or routed",
    "aiohttp_client": "aiohttp, orjson; nothing routed",
    "websockets_asyncio": "websockets on asyncio, orjson; nothing routed",
    "trio_websocket_client": "trio-websocket, orjson; nothing routed",
}
HEAD = """# Benchmarks

Written by `make bench` on {date}, in {seconds:.0f} s; the next run writes it anew. Read the ratios: machines
differ, and what else ran on this one is in every figure. The load average before it began was {load:.1f}.

{machine}

Each client is a process of its own on loopback, fed by a sender that wrote its frames beforehand. A
figure is the median of its runs, ± half of what lies between the lowest and the highest; without ± it
is one run. The runs take turns, so that what disturbs one disturbs all. Every run checks that the right
number of events reached the right subscribers; one that does not ends the benchmark. What a message
costs, step by step, is on the page [Performance](performance.md).

## Budgets

"""


def write(figures: Figures, path: Path, seconds: float, load: float) -> None:
    """Write the page; `seconds` is how long the run took, `load` what was going on before."""
    head = HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}", seconds=seconds, load=load, machine=_machine()
    )
    lines = [*budget_table(figures), "", *_missed(figures), *_throughput(figures)]
    lines += [
        *_steps(figures),
        *_subscriptions(figures),
        *_sizes(figures),
        *_latency(figures),
        *_resources(figures),
    ]
    path.write_text(head + "\n".join(lines) + "\n")


def budget_table(figures: Figures) -> list[str]:
    """Return the budgets, what was measured, and the verdicts."""
    head = ["| what | budget | measured | verdict |", "| --- | --- | --- | --- |"]
    return head + [
        f"| {budget.what} | {' | '.join(budget.verdict(figures))} |" for budget in BUDGETS
    ]


def _missed(figures: Figures) -> Iterator[str]:
    for budget in BUDGETS:
        _, _, verdict = budget.verdict(figures)
        if verdict.startswith("missed"):
            yield f"* Missed: {budget.what} ({verdict[7:]}). {budget.if_missed}".rstrip()
    for client, why in figures.skipped.items():
        yield f"* Skipped: {client}: {why}."
    yield ""


def _machine() -> str:
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout
    found = {"Python": platform.python_version(), **dict(_versions())}
    if node:
        found |= {"Node": node.strip().lstrip("v"), "`ws`": _ws_version()}
    versions = ", ".join(f"{name} {number}" for name, number in found.items())
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    kernel = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{len(models)} cores ({models[0]}), {kernel}; {versions}."


def _versions() -> Iterator[tuple[str, str]]:
    for name in LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


def _ws_version() -> str:
    package = NODE_PEER.parent / "node_modules" / "ws" / "package.json"
    if not package.exists():
        return "not installed"
    import json

    return str(json.loads(package.read_text())["version"])


def _cell(figures: Figures, name: str, form: str = ",.0f", scale: float = 1.0) -> str:
    sample = figures.samples.get(name)
    if sample is None:
        return "-"
    spread = f" ± {sample.spread:.0%}" if len(sample.values) > 1 else ""
    return f"{sample.median / scale:{form}}{spread}"


def _table(title: str, text: str, head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f"## {title}", "", text, "", f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def _throughput(figures: Figures) -> list[str]:
    rows = []
    for name, words in NAMES.items():
        ratio = figures.ratio("trunkline 12", name)
        rows.append([words, _cell(figures, name), "-" if ratio is None else f"{ratio:.2f} x"])
    text = f"Messages of {SIZE} bytes a second. The last column: Trunkline's first line against this one."
    return _table("Throughput", text, ["who", "messages/s", "Trunkline is"], rows)


def _steps(figures: Figures) -> list[str]:
    rows = [
        [name.removeprefix("step: "), f"{sample.median:.2f}"]
        for name, sample in figures.samples.items()
        if name.startswith("step: ")
    ]
    whole, steps = figures.median("trunkline 12"), figures.median("step: all of these")
    if whole and steps:
        rows.append(["measured over the socket, in all", f"{1e6 / whole:.2f}"])
        rest = "of it: the system call, the event loop, handing batches from task to task"
        rows.append([rest, f"{1e6 / whole - steps:.2f}"])
    text = "Microseconds a message; the least of many short runs in one process, without a socket."
    return _table("What a message costs", text, ["step", "µs"], rows)


def _subscriptions(figures: Figures) -> list[str]:
    rows = [
        [
            f"{number:,}",
            _cell(figures, f"trunkline subscriptions {number}"),
            _cell(figures, f"node subscriptions {number}"),
        ]
        for number in throughput.SUBSCRIPTIONS
    ]
    text = (
        "One subscription gets everything, the others wait for one execution each; eleven of those\n"
        "executions occur, so the number of deliveries is the same in each line.\n\n"
        "![Throughput against subscriptions, latency against load](benchmarks.svg)"
    )
    head = ["subscriptions", "Trunkline, messages/s", "Node and a linear router, messages/s"]
    return _table("Throughput against subscriptions", text, head, rows)


def _sizes(figures: Figures) -> list[str]:
    clients = ("trunkline", "aiohttp_client", "trio_websocket_client")
    rows = [
        [f"{size:,} bytes", *(_cell(figures, f"{client} size {size}") for client in clients)]
        for size in throughput.SIZES
    ]
    text = "Messages a second; ours are routed to 12 subscriptions, the peers' are decoded."
    head = ["size", "Trunkline", "aiohttp", "trio-websocket"]
    return _table("Throughput against size", text, head, rows)


def _latency(figures: Figures) -> list[str]:
    clients = ("trunkline", "trio_websocket")
    names = [f"{client} load {{}} {key}" for client in clients for key in latency.KEYS]
    rows = [
        [f"{load:,}", *(_cell(figures, name.format(load), ".3f") for name in names)]
        for load in latency.LOADS
    ]
    text = (
        "From the sender's clock just before it writes to the call of the callback, in milliseconds; the peer\n"
        f"receives and decodes. {latency.SECONDS:g} s at each load, the first tenth not counted."
    )
    head = ["messages/s", "p50", "p99", "trio-websocket p50", "trio-websocket p99"]
    return _table("Latency against load", text, head, rows)


def _resources(figures: Figures) -> list[str]:
    rows = [
        ["an idle subscription of 100,000, with its key and its undo", f"{_cell(figures, 'bytes of an idle subscription')} bytes"],
        ["10,000 events in one mailbox", f"{_cell(figures, 'bytes of 10,000 buffered events', '.1f', MIB)} MiB"],
        ["an idle host", f"{_cell(figures, 'bytes of an idle host', '.1f', MIB)} MiB"],
        ["`track_action`, as the caller sees it", f"{_cell(figures, 'recorded call')} calls/s"],
        ["events into the outbox file, committed", f"{_cell(figures, 'recorded stored')} events/s"],
        ["`trunkline --version` over a bare interpreter", f"{_cell(figures, 'seconds of --version over a bare interpreter', ',.0f', 0.001)} ms"],
        ["from the start of a host until it is connected", f"{_cell(figures, 'seconds until a host is connected', ',.0f', 0.001)} ms"],
    ]  # fmt: skip
    return _table(
        "Memory, recording, start",
        "Memory is resident memory. Starts read byte code, as pip leaves it.",
        ["what", "measured"],
        rows,
    )
