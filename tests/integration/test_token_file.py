"""CR2: a token that others write anew into its file, while a host runs; on real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

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
