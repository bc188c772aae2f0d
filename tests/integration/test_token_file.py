"""CR2: a token that others write anew into its file, while a host runs; on real sockets."""

import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from trunkline.config import FileSecret
from trunkline.connection import credentials
from trunkline.connection.close_policy import LinkLost
from trunkline.connection.credentials import Credentials
from trunkline.connection.states import StateChange
from trunkline.host import Host
from trunkline.simulator import ALICE, BOB, Simulator

LIMIT = 45.0  # s, on a busy computer
CONFIG = """
[connection]
url = "{url}"
token = {{ file = "token" }}
backoff_max = 0.2
[plugins]
disable = ["approval", "flow"]
"""


@asynccontextmanager
async def connected(folder: Path, simulator: Simulator) -> AsyncIterator[Host]:
    """Run a host whose token is in a file; yields it once it is connected."""
    write(folder, "demo-token\n")
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url, trio.open_nursery() as nursery:
            config = folder / "trunkline.toml"
            config.write_text(CONFIG.format(url=url))
            host = Host.from_file(config)
            await nursery.start(
                lambda task_status: host.run(handle_signals=False, task_status=task_status)
            )
            await host.connection.wait_connected()
            yield host
            host.stop()


def write(folder: Path, token: str) -> None:
    (folder / "token").write_text(token)
    (folder / "token").chmod(0o600)


async def test_cr2_a_token_file_is_read_again_after_a_refusal(tmp_path: Path) -> None:
    """Refused once, then in with the new one: over HTTP and over the socket; nobody restarts."""
    simulator = Simulator(seed=1)
    async with connected(tmp_path, simulator) as host:
        states: list[str] = []
        changed = trio.Event()

        def note(change: StateChange) -> None:
            states.append(change.new.value)
            if states[1:]:
                changed.set()

        host.connection.on_state_change(note)

        write(tmp_path, "second\n")
        simulator.tokens.users = {"second": ALICE}
        answer = await host.connection.request("GET", "/api/v1/flows/executions")
        assert answer.status == 200
        assert states == []

        write(tmp_path, "third\n")
        simulator.tokens.users = {"third": ALICE}
        simulator.close_all(None)
        await changed.wait()
        assert states == ["reconnecting", "connected"]


async def test_cr2_a_token_file_without_a_good_token_is_told_and_read_again(tmp_path: Path) -> None:
    """Empty: the cause, and it goes on trying. Another user's is never taken. Then as before."""
    simulator = Simulator(seed=1)
    async with connected(tmp_path, simulator) as host:

        async def until(cause: str) -> None:
            while cause not in str(host.connection.status.cause):  # noqa: ASYNC110 - it is no state
                await trio.sleep(0.01)

        write(tmp_path, "\n")
        simulator.tokens.users = {"of-bob": BOB, "third": ALICE}
        simulator.close_all(None)
        await until("the file token is empty")
        write(tmp_path, "of-bob\n")
        host.connection.retry_now()
        await until("another user")
        write(tmp_path, "third\n")
        host.connection.retry_now()
        await host.connection.wait_connected()


async def test_cr1_a_file_that_hangs_holds_one_thread_and_ends_each_attempt_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe that nobody writes to, as a file system that is away; then it is back."""
    monkeypatch.setattr(credentials, "PROVIDER_LIMIT", 0.05)
    pipe = tmp_path / "token"
    os.mkfifo(pipe)
    asked = Credentials(FileSecret("old", pipe.read_text))
    threads = threading.active_count()
    for _ in range(5):
        with pytest.raises(LinkLost, match="no token within"):
            await asked.token(fresh=True)
    assert threading.active_count() <= threads + 1
    monkeypatch.setattr(credentials, "PROVIDER_LIMIT", LIMIT)
    with trio.fail_after(LIMIT):
        await trio.to_thread.run_sync(pipe.write_text, "late")  # ends the read that hangs
    pipe.unlink()
    pipe.write_text("new")
    assert await asked.token(fresh=True) == "new"
