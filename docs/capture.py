"""Makes the terminal captures of the page "Operating": the real program, against the simulator.

    python docs/capture.py [--check]

Each scene is a list of commands; what they print is written to `docs/_captures/`. `--check` plays
them again and compares: figures, times and the width of columns may differ, nothing else may.
"""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trio
from click.testing import CliRunner

from trunkline.cli import trunkline
from trunkline.simulator import ACCOUNT_A, Approval, Simulator

TARGET = Path(__file__).parent / "_captures"
CONFIG = """\
[connection]
url = "{url}"
token = {{ env = "TRUNKLINE_TOKEN" }}

[[plugin.approval.rule]]
where = {{ tool_name = "drop_table" }}
decide = "decline"
comment = "never by an agent"
"""
LIMIT = 20.0  # s for a host to do something
NEARLY = 0.6  # s, so that a second that is shown does not turn while it is read


class Stage:
    """A server with something on it, and a folder with a configuration."""

    def __init__(self, simulator: Simulator, do: Callable[[Callable[[], Any]], Any]) -> None:
        self._world = simulator.world
        self._do = do
        self._rng = random.Random(7)  # noqa: S311 - the same ids each time

    def ask(self, tool: str, agent: str, reason: str, *, votes: int = 1) -> str:
        """Let an agent ask for something a minute ago; return the beginning of the id."""

        def request() -> Approval:
            asked_at = self._world.walltime() - 64 - NEARLY
            approval = Approval.draw(
                self._rng,
                ACCOUNT_A,
                asked_at,
                tool_name=tool,
                tool_args={"service": "billing", "env": "production"},
                agent_reasoning=reason,
                managed_agent_name=agent,
                approvals_required=votes,
            )
            return self._world.request_approval(approval)

        approval: Approval = self._do(request)
        return approval.id[:4]

    def execution(self, *lines: str) -> str:
        """Let an execution write some lines; return the beginning of its id."""

        def begin() -> str:
            execution = self._world.add_execution(status="RUNNING")
            self._world.update_execution(execution, "status_update", {"status": "RUNNING"})
            for line in lines:
                self._world.update_execution(execution, "agent_log_line", {"line": line})
            return execution.id

        execution_id: str = self._do(begin)
        return execution_id[:4]

    def end(self, prefix: str, after: float) -> None:
        """Let an execution succeed in a while."""

        def finish() -> None:
            [found] = [e for e in self._world.executions.values() if e.id.startswith(prefix)]
            payload = {"status": "SUCCEEDED", "total_tokens": 1200, "estimated_cost": 0.02}
            self._world.update_execution(found, "status_update", payload)

        threading.Timer(after, self._do, [finish]).start()


def flows(stage: Stage) -> Iterator[str]:
    """List executions, follow one to its end, stop another."""
    first = stage.execution("cloning the repository", "running 212 tests", "all tests passed")
    second = stage.execution("rebuilding the index")
    yield "trunkline flows"
    stage.end(first, after=0.5)
    yield f"trunkline flows follow {first}"
    yield f'trunkline flows stop {second} --reason "wrong branch"'


def approvals(stage: Stage) -> Iterator[str]:
    """List what waits, look at one, answer in every way."""
    restart = stage.ask("restart_service", "release-agent", "The error rate is back to normal.")
    migrate = stage.ask("run_migration", "release-agent", "The dry run was clean.", votes=2)
    refund = stage.ask("refund_order", "support-agent", "The customer was charged twice.")
    yield "trunkline approvals"
    yield f"trunkline approvals show {restart}"
    yield f'trunkline approvals approve {restart} --comment "go ahead"'
    yield f"trunkline approvals approve {migrate}"
    yield f'trunkline approvals decline {refund} --comment "only by a person"'
    yield f"trunkline approvals approve {refund}"


def rules(stage: Stage) -> Iterator[str]:
    """Let a host decide by rule; look at it and at what it wrote down."""
    with host():
        stage.ask("drop_table", "cleanup-agent", "Nobody has read it for a year.")
        wait_for(lambda: len(Path("var/decisions.jsonl").read_text().splitlines()) >= 2)
        wait_for(lambda: "1 by rule" in said("trunkline status"))
        yield "trunkline status | grep approval"
        yield "cat var/decisions.jsonl"


SCENES = (flows, approvals, rules)


@contextmanager
def stage() -> Iterator[Stage]:
    """Serve a simulator, and be in a folder with a configuration for it."""
    simulator, ready = Simulator(seed=7), threading.Event()
    parts: list[Any] = []

    async def serve() -> None:
        over = trio.Event()
        async with simulator.listen() as url:
            parts[:] = [url, trio.lowlevel.current_trio_token(), over]
            ready.set()
            await over.wait()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    ready.wait()
    url, token, over = parts

    def do(function: Callable[[], Any]) -> Any:
        return trio.from_thread.run_sync(function, trio_token=token)

    before = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("trunkline.toml").write_text(CONFIG.format(url=url))
        try:
            yield Stage(simulator, do)
        finally:
            os.chdir(before)
            do(over.set)
            thread.join()


@contextmanager
def host() -> Iterator[None]:
    """Run `trunkline run` beside."""
    command = [sys.executable, "-m", "trunkline", "run"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own program
    try:
        wait_for(lambda: "connected as" in said("trunkline status"))
        yield
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(LIMIT)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something holds; what is not there yet does not."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        with suppress(OSError):
            if condition():
                return
        time.sleep(0.1)
    raise SystemExit("docs/capture.py: the host did not do what the scene waits for")


def said(command: str) -> str:
    """Return what a command prints, in a shell as far as the scenes need one."""
    command, _, pattern = command.partition(" | grep ")
    if command.startswith("cat "):
        return Path(command.removeprefix("cat ")).read_text()
    words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)][1:]
    result = CliRunner().invoke(trunkline, words, standalone_mode=False)
    text = result.output + (f"trunkline: {result.exception}\n" if result.exception else "")
    return "".join(line for line in text.splitlines(keepends=True) if pattern in line)


def played(scene: Callable[[Stage], Iterator[str]]) -> str:
    """Return a scene as it looks in a terminal."""
    with stage() as opened:
        text = "\n".join(f"$ {command}\n{said(command)}" for command in scene(opened))
    return text.replace(f'"host": "{socket.gethostname()}"', '"host": "ops-1"')


def masked(text: str) -> str:
    """Return a capture without what differs from one time to the next."""
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:0", text)
    return re.sub(r"[ -]+", " ", re.sub(r"\d+", "0", text))


def main() -> None:
    """Write the captures, or compare."""
    os.environ |= {"TRUNKLINE_TOKEN": "demo-token", "LOGNAME": "alice", "NO_COLOR": "1"}
    stale = []
    for scene in SCENES:
        file = TARGET / f"{scene.__name__}.txt"
        text = played(scene)
        if "--check" not in sys.argv:
            file.write_text(text)
        elif masked(text) != masked(file.read_text()):
            stale.append(f"{file.name} is not what the program prints now:\n{text}")
    if stale:
        sys.exit("\n".join(stale))


if __name__ == "__main__":
    main()
