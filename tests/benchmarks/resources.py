"""Memory, recording, and the time until something happens."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.figures import Case, Figures
from tests.benchmarks.processes import ROOT, measured, rss_bytes, sending

SUBSCRIPTIONS = 100_000
BUFFERED = 10_000
RECORDED = 100_000
STARTS = 7
SETTLE = 2.0  # s until a host that is ready is idle
#: Byte code is read from beside the sources, as where pip has put it, and not compiled each time.
INSTALLED = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
CONFIG = """
[connection]
url = "ws://127.0.0.1:{port}/api/v1/ws/unified?count=0"
[host]
data = "var"
"""


def memory(figures: Figures) -> None:
    """What subscriptions take, and events that wait."""
    with sending(count=BUFFERED) as port:
        idle = {"port": port, "count": SUBSCRIPTIONS}
        buffered = {"port": port, "count": BUFFERED}
        figures.measure(
            [
                Case("bytes of an idle subscription", "idle_subscriptions", idle, ("bytes",)),
                Case("bytes of 10,000 buffered events", "buffered_events", buffered, ("bytes",)),
            ],
            3,
        )


def recording(figures: Figures) -> None:
    """Calls a second as the caller sees them, and events a second into the outbox file."""
    case = Case("recorded", "recorded", {"count": RECORDED}, ("call", "stored"))
    figures.measure([case], 3)


def steps(figures: Figures) -> None:
    """What a message costs on its way, step by step."""
    for name, microseconds in measured("stages").items():
        figures.add(f"step: {name}", [microseconds])


def start_up(figures: Figures) -> None:
    """`--version` beside a bare interpreter, and a host until it is connected, then idle."""
    with sending(count=1) as port, _host(port):
        pass  # a first start compiles what has changed
    bare, version = [], []
    for _ in range(STARTS):
        bare.append(_seconds("-c", "pass"))
        version.append(_seconds("-m", "trunkline", "--version"))
    over = [later - min(bare) for later in version]
    figures.add("seconds of --version over a bare interpreter", over)
    ready, resident = [], []
    with sending(count=1) as port:
        for _ in range(STARTS):
            with _host(port) as (seconds, pid):
                ready.append(seconds)
                time.sleep(SETTLE)
                resident.append(float(rss_bytes(pid)))
    figures.add("seconds until a host is connected", ready)
    figures.add("bytes of an idle host", resident)


def _seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=ROOT,
        env=INSTALLED,
    )
    return time.perf_counter() - start


@contextmanager
def _host(port: int) -> Iterator[tuple[float, int]]:
    """Run a host for the scope; yield the seconds until it was connected, and its pid."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "trunkline.toml")
        path.write_text(CONFIG.format(port=port))
        start = time.perf_counter()
        command = [sys.executable, "-m", "trunkline", "run", str(path), "--log-json"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=INSTALLED)
        assert process.stderr is not None
        try:
            for line in process.stderr:
                said = json.loads(line)
                if said["event"] == "connection.state" and said["new"] == "connected":
                    yield time.perf_counter() - start, process.pid
                    return
            raise RuntimeError("the host ended before it was connected")
        finally:
            process.terminate()
            process.communicate(timeout=30)
