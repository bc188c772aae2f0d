"""Processes of a benchmark: the sender, and each client in one of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NODE_PEER = Path(__file__).with_name("node_peer.js")
LIMIT = 180.0  # s for one run


def rss_bytes(pid: int | str = "self") -> int:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


@contextmanager
def sending(**options: Any) -> Iterator[int]:
    """Run a sender for the scope; yield its port."""
    command = [sys.executable, "-m", "tests.benchmarks.sender", json.dumps(options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def measured(client: str, **options: Any) -> dict[str, float]:
    """Run a client once in a process of its own; return what it measured.

    Raises:
        RuntimeError: it failed, with what it said.
    """
    command = [sys.executable, "-m", "tests.benchmarks.client", client, json.dumps(options)]
    if client == "node":
        command = ["node", str(NODE_PEER), *(str(value) for value in options.values())]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LIMIT, cwd=ROOT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{client} {options}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def missing(client: str) -> str | None:
    """Return why a client cannot be measured here, or None."""
    if client == "node":
        if shutil.which("node") is None:
            return "Node is not installed"
        if not (NODE_PEER.parent / "node_modules" / "ws").exists():
            return "npm install --no-save --prefix tests/benchmarks ws"
    needs = {"websockets_asyncio": "websockets", "aiohttp_client": "aiohttp"}.get(client)
    if needs and find_spec(needs) is None:
        return f"pip install {needs}"
    return None
