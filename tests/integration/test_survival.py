"""The server killed with SIGKILL and started again on its port: the host is back by itself."""

import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing

from trunkline.config import config_from_mapping
from trunkline.events import Event, Gap
from trunkline.host import Host

LIMIT = 45  # s, on a busy computer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@asynccontextmanager
async def simulator(port: int) -> AsyncIterator[None]:
    """Run `trunkline simulate` until the scope ends; then it is killed, not asked."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "trunkline", "simulate", "--port", str(port), "--speed", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        while b"listening" not in await process.stdout.receive_some():
            pass
        yield
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            await process.stdout.aclose()


async def test_a_killed_server_costs_a_gap_and_nothing_else() -> None:
    """Connected again by itself; every kind of subscription works; no plugin was restarted."""
    port = free_port()
    table = {
        "connection": {
            "url": f"ws://127.0.0.1:{port}/api/v1/ws/unified",
            "token": {"env": "TOKEN"},
            "backoff_max": 0.5,
        }
    }
    host = Host(config_from_mapping(table, environ={"TOKEN": "demo-token"}))
    inline: list[Any] = []
    queued: list[Any] = []
    streamed: list[Any] = []
    plugin_changes: list[tuple[str, str]] = []

    async def handler(event: Event) -> None:
        await trio.lowlevel.checkpoint()
        queued.append(event)

    async def read() -> None:
        async with host.connection.events("flow_executions") as events:
            async for item in events:
                streamed.append(item)  # noqa: PERF401 - looked at while it grows

    def changed(event: Event) -> None:
        plugin_changes.append((event.data["plugin"], event.data["new"]))

    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            async with simulator(port):
                nursery.start_soon(read)
                await nursery.start(
                    lambda task_status: host.run(handle_signals=False, task_status=task_status)
                )
                host.connection.subscribe("flow_executions", inline.append, on_gap=inline.append)
                host.connection.subscribe("flow_executions", handler, on_gap=queued.append)
                await host.connection.wait_connected()
                await wait_for_events(inline, queued, streamed)
                host.router.subscribe("system", changed, {"type": "plugin.state"})
                plugin_changes.clear()
            await until_lost(host)
            async with simulator(port):
                await host.connection.wait_connected()
                await trio.testing.wait_all_tasks_blocked(0.01)
                for seen in (inline, queued, streamed):
                    gap = next(item for item in seen if isinstance(item, Gap))
                    assert gap.cause == "reconnect"
                    seen.clear()
                await wait_for_events(inline, queued, streamed)
                reply = await host.connection.send({"type": "ping"})
                assert reply == {"type": "pong"}
                assert plugin_changes == []
                assert {record.state.value for record in host.records} == {"running"}
                host.stop()
                nursery.cancel_scope.deadline = trio.current_time() + 5
    assert host.connection.statistics().connect_count == 2


async def until_lost(host: Host) -> None:
    """Wait until the link is gone; a send tells."""
    while host.connection.state.value == "connected":  # noqa: ASYNC110 - another process is killed
        await trio.sleep(0.01)


async def wait_for_events(*seen: list[Any]) -> None:
    """Wait until each list has an event; the first thing after a loss is a gap."""
    while not all(any(isinstance(item, Event) for item in each) for each in seen):  # noqa: ASYNC110 - three receivers
        await trio.sleep(0.01)
