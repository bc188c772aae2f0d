"""The programs of `docs/examples`, against the simulator over a real WebSocket on loopback."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from trunkline import Host, load_config, open_connection
from trunkline.plugin.states import PluginState
from trunkline.simulator import ACCOUNT_A, Execution, Simulator
from trunkline_plugins.flow import send_message

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
TOKEN = "demo-token"
LIMIT = 45.0  # s for one program; each takes about three, on a busy computer
SPEED = 15.0  # a run of 10 to 40 s is over within 3
CONFIG = """
[connection]
url = "{url}"
token = {{ env = "TRUNKLINE_TOKEN" }}

[plugins]
paths = ["{audit}"]
"""


class Program:
    """A file of the examples, run as a person runs it."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self.printed = ""

    @classmethod
    async def start(cls, name: str, *arguments: str) -> "Program":
        """Start it; `stop` must follow."""
        command = [sys.executable, "-u", str(EXAMPLES / name), *arguments]
        process = await trio.lowlevel.open_process(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return cls(process)

    async def until(self, text: str) -> None:
        """Read what it prints until `text` was among it."""
        stdout = self._process.stdout
        assert stdout is not None
        while text not in self.printed:
            chunk = await stdout.receive_some()
            assert chunk, f"it ended without {text!r}: {self.printed}"
            self.printed += chunk.decode()

    async def end(self) -> int:
        """Wait for its own end; return the exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End it, whatever it does."""
        with trio.CancelScope(shield=True):
            self._process.kill()
            await self._process.wait()
            if self._process.stdout is not None:
                await self._process.stdout.aclose()


@asynccontextmanager
async def running(name: str, *arguments: str) -> AsyncIterator[Program]:
    """Run an example for a scope."""
    program = await Program.start(name, *arguments)
    try:
        yield program
    finally:
        await program.stop()


async def authenticated(simulator: Simulator) -> None:
    """Wait until a client has greeted, which it does once it is authenticated."""
    while not any("session_hello" in str(each.frame) for each in simulator.received):  # noqa: ASYNC110 - it tells nobody
        await trio.sleep(0.01)


async def only_run(simulator: Simulator) -> Execution:
    """Return the one execution of a simulator, once it has begun."""
    while not simulator.world.executions:  # noqa: ASYNC110 - the world tells nobody
        await trio.sleep(0.01)
    [execution] = simulator.world.executions.values()
    return execution


def flow_event(execution: Execution, kind: str, **payload: str) -> dict[str, object]:
    """Return an event of an execution as the server pushes it."""
    return {"type": kind, "execution_id": execution.id, "payload": payload}


async def test_dashboard_shows_an_execution_that_starts_and_ends() -> None:
    """From the first picture with its id to the one where it has succeeded; then a lost link."""
    simulator = Simulator(seed=1, speed=SPEED)
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url, running("dashboard.py", url, TOKEN) as dashboard:
            await dashboard.until("-- connected")
            await simulator.run_scenario("run_success")
            await dashboard.until("SUCCEEDED")
            simulator.close_all(None)
            await dashboard.until("-- reconnecting")
            await dashboard.until("-- events may be missing since")
    execution = await only_run(simulator)
    lines = dashboard.printed.splitlines()
    rows = [line for line in lines if line.startswith(execution.id[:8])]
    assert execution.flow_name[:20] in rows[0]
    assert "PENDING" in rows[0]
    assert any("RUNNING" in row for row in rows)
    assert "SUCCEEDED" in rows[-1]


async def test_execution_view_follows_one_run_to_its_end() -> None:
    """It prints that run's log and no other's, what a refused stop came to, and the end."""
    simulator = Simulator()
    mine, other = simulator.world.add_execution(), simulator.world.add_execution()
    with trio.fail_after(LIMIT):
        async with (
            simulator.listen() as url,
            running("execution_view.py", url, mine.id, "viewer-token", "mine") as view,
        ):
            await authenticated(simulator)
            simulator.push(flow_event(other, "agent_log_line", line="other"), ACCOUNT_A)
            simulator.push(flow_event(other, "status_update", status="FAILED"), ACCOUNT_A)
            simulator.push(flow_event(mine, "agent_log_line", line="mine"), ACCOUNT_A)
            await view.until("-- not stopped")
            simulator.push(flow_event(mine, "status_update", status="SUCCEEDED"), ACCOUNT_A)
            await view.until("ended: SUCCEEDED\n")
            assert await view.end() == 0
    assert view.printed.splitlines() == [
        "mine",
        "-- not stopped: the server refused: unauthorized",
        "ended: SUCCEEDED",
    ]


async def test_execution_view_stops_a_run_on_a_condition() -> None:
    """A line of the log says the word; the run is stopped, and the view follows it to its end."""
    simulator = Simulator(seed=2, speed=SPEED / 3)
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url, trio.open_nursery() as nursery:
            nursery.start_soon(simulator.run_scenario, "run_success")
            execution = await only_run(simulator)
            async with (
                running("execution_view.py", url, execution.id, TOKEN, "please halt") as view,
                open_connection(url, TOKEN) as operator,
            ):
                await view.until("\n")
                await send_message(operator, execution.id, "please halt")
                await view.until("ended: STOPPED\n")
                assert await view.end() == 0
    assert "Operator says: please halt\n-- stopped\n" in view.printed
    assert view.printed.endswith("ended: STOPPED\n")
    assert execution.status == "STOPPED"


async def test_audit_is_loaded_by_a_host_from_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ten lines, from a configuration file, print what the server writes to its audit log."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    file = tmp_path / "trunkline.toml"
    simulator = Simulator()
    printed = ""
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url, trio.open_nursery() as nursery:
            file.write_text(CONFIG.format(url=url, audit=EXAMPLES / "audit.py"))
            host = Host(load_config(file, environ={"TRUNKLINE_TOKEN": TOKEN}))
            nursery.start_soon(host.run)
            await authenticated(simulator)
            simulator.push(
                {"type": "audit_event", "payload": {"action": "policy_allow"}}, ACCOUNT_A
            )
            while "policy_allow" not in printed:
                await trio.sleep(0.01)
                printed += capsys.readouterr().out
            states = {record.name: record.state for record in host.records}
            host.stop()
    assert states["audit"] is PluginState.RUNNING
    assert "+00:00 {'type': 'audit_event'" in printed
