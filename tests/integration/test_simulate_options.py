"""What goes wrong on request, seen from a client on the other side of a real socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from processes import finish, process, read_until

from trunkline import Connection, ConnectionState, Gap, open_connection
from trunkline.simulator import Simulator

BLOCKED = ConnectionState.BLOCKED
LIMIT = 25.0  # s; each takes about one


@asynccontextmanager
async def connected(*options: str) -> AsyncIterator[Connection]:
    """Start `simulate` with options, and a client that reconnects at once."""
    async with process("simulate", "--port", "0", *options) as simulate:
        said = await read_until(simulate.stdout, "--token-env")
        url = said.split()[2]
        async with open_connection(url, "demo-token", backoff_max=0.2) as connection:
            yield connection


async def test_sockets_are_dropped_and_frames_are_broken_in_a_day_of_its_seed() -> None:
    """`--drop-every`, `--malformed`, and `--slow` in the way of both; the client comes back.

    `--seed` and `--scenario`: what is made up has the ids of a simulator within this process.
    """
    faults = ("--drop-every", "0.7", "--malformed", "0.05", "--slow", "0.01")
    day = ("--seed", "5", "--scenario", "run_success", "--speed", "0.5")
    here = Simulator(seed=5, scenario="run_success")
    with trio.fail_after(LIMIT):
        async with (
            connected(*faults, *day) as connection,
            connection.events("flow_executions") as events,
            here.listen(),
        ):
            event = await anext(events)
            while isinstance(event, Gap):
                event = await anext(events)
            while connection.statistics().connect_count < 3:  # noqa: ASYNC110 - figures tell nobody
                await trio.sleep(0.02)
            assert connection.statistics().dropped
    assert event.get("execution_id") in here.world.executions


async def test_a_server_that_restarts_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """`--restart-every` closes with 1012, or the door is shut for a while."""
    with trio.fail_after(LIMIT):
        async with connected("--restart-every", "0.3") as connection:
            while not connection.statistics().disconnects:  # noqa: ASYNC110 - figures tell nobody
                await trio.sleep(0.02)
    [lost, *_] = [record for record in caplog.records if record.msg == "connection.lost"]
    told = str(vars(lost))
    assert "1012" in told or "refused" in told


async def test_a_half_open_link_is_silent() -> None:
    """`--half-open`: what the server says from then on is lost, and a heartbeat finds out."""
    with trio.fail_after(LIMIT):
        async with connected("--half-open", "1") as connection:
            await connection.wait_connected()
            await trio.sleep(1.2)
            with trio.move_on_after(0.5) as scope:
                await connection.barrier()
    assert scope.cancelled_caught


async def test_a_token_that_is_refused_is_not_tried_without_end() -> None:
    """`--refuse-tokens`: the client is blocked, and says so."""
    with trio.fail_after(LIMIT):
        async with connected("--refuse-tokens") as connection:
            blocked = trio.Event()
            connection.on_state_change(
                lambda change: blocked.set() if change.new is BLOCKED else None
            )
            await blocked.wait()


async def test_send_waits_no_longer_than_its_limit() -> None:
    """`send --limit`, to a server that is not there: exit 1, with the cause."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"
    await listeners[0].aclose()
    with trio.fail_after(LIMIT):
        async with process("send", '{"type":"ping"}', "--url", url, "--limit", "0.3") as send:
            code, _, err = await finish(send)
    assert code == 1
    assert "nothing after 0.3 s; last cause: refused" in err
