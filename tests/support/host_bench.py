"""What the host tests stand on: a host over the simulator's memory streams, and plugins as files."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from trunkline.config import config_from_mapping
from trunkline.host import Host
from trunkline.simulator import Simulator

URL = "ws://127.0.0.1:1/api/v1/ws/unified"


def plugin(directory: Path, name: str, body: str) -> Path:
    path = directory / f"{name}.py"
    path.write_text(f"import trio\nfrom trunkline import hookimpl\n\n{body}")
    return path


@asynccontextmanager
async def running(
    tables: dict[str, Any] | None = None,
    simulator: Simulator | None = None,
    *,
    disable: Collection[str] = ("approval",),
) -> AsyncIterator[tuple[Host, Simulator]]:
    """Run a host against the simulator in memory; it is stopped in order at the end.

    The approval plugin reads its log in a thread, for which virtual time does not wait.
    """
    simulator = simulator or Simulator(seed=1)
    tables = tables or {}
    plugins = {**tables.get("plugins", {})}
    plugins["disable"] = [*disable, *plugins.get("disable", ())]
    data = {
        "connection": {"url": URL, "token": {"env": "TOKEN"}},
        **tables,
        "plugins": plugins,
    }
    async with simulator.in_memory() as dial, trio.open_nursery() as nursery:
        host = Host(config_from_mapping(data, environ={"TOKEN": "demo-token"}), dial=dial)
        await nursery.start(
            lambda task_status: host.run(handle_signals=False, task_status=task_status)
        )
        yield host, simulator
        host.stop()
