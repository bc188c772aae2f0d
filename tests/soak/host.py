"""The host under soak: `trunkline run` as a process, and what its plugin writes down."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

AUTHORITY = "authority.pem"  # in the host's folder
CONFIG = """
[connection]
url = "{url}"
ca_file = "{authority}"
token = {{ env = "TRUNKLINE_TOKEN" }}
topics = ["audit", "runners"]
backoff_max = 1
heartbeat_interval = 5
[plugins]
paths = ["{plugin}"]
[plugin.watcher]
path = "notes.txt"
[plugin.activity]
sinks = [{{ kind = "jsonl", path = "seen.jsonl", topics = ["activity"] }}]
"""
POLL = 0.05  # s
START_LIMIT = 30.0  # s
STOP_LIMIT = 20.0  # s


@attrs.frozen
class Usage:
    """What a process uses."""

    at: float
    """On Trio's clock."""
    rss_bytes: int
    descriptors: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Usage":
        """Look at a process."""
        fields = Path(f"/proc/{pid}/status").read_text().split("\n")
        found = dict(line.split(":", 1) for line in fields if ":" in line)
        return cls(
            trio.current_time(),
            int(found["VmRSS"].split()[0]) * 1024,
            len(os.listdir(f"/proc/{pid}/fd")),
            int(found["Threads"]),
        )


@attrs.define
class RunningHost:
    """A host's process, and where its plugin writes."""

    process: trio.Process
    notes: Path

    async def lines(self) -> AsyncIterator[str]:
        """Yield what is written, as it is written; never ends by itself."""
        while not self.notes.exists():  # noqa: ASYNC110 - another process makes it
            await trio.sleep(POLL)
        with self.notes.open() as file:
            rest = ""
            while True:
                piece = file.read(1 << 16)
                if not piece:
                    await trio.sleep(POLL)
                    continue
                *whole, rest = (rest + piece).split("\n")
                for line in whole:
                    yield line
                await trio.lowlevel.checkpoint()


@asynccontextmanager
async def running(url: str, folder: Path) -> AsyncIterator[RunningHost]:
    """Run a host against `url` with its files in `folder`; it is stopped in order at the end."""
    config = folder / "trunkline.toml"
    plugin = Path(__file__).with_name("watcher.py")
    config.write_text(CONFIG.format(url=url, plugin=plugin, authority=AUTHORITY))
    with (folder / "host.log").open("wb") as log:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "trunkline", "run", str(config), "--log-json"],
            stderr=log,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "TRUNKLINE_TOKEN": "demo-token", "XDG_RUNTIME_DIR": str(folder)},
        )
        try:
            yield RunningHost(process, folder / "notes.txt")
        finally:
            with trio.CancelScope(shield=True):
                if process.returncode is None:
                    process.send_signal(signal.SIGCONT)
                    process.terminate()
                with trio.move_on_after(STOP_LIMIT):
                    await process.wait()
                if process.returncode is None:
                    process.kill()
                    await process.wait()
