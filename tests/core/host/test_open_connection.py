"""The small host: what `open_connection` promises to a program of somebody else's."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio

import trunkline
from trunkline.simulator import Simulator

URL = "ws://127.0.0.1:1/api/v1/ws/unified"


async def test_st2_entering_does_not_wait_for_the_network(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The body begins at once, connecting; `wait_connected` waits."""

    async def nobody(*_: object) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    async with trunkline.open_connection(URL, dial=nobody) as connection:
        assert connection.state is trunkline.ConnectionState.CONNECTING


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"url": "http://x"}, "ws://"),
        ({"url": "ws://x/", "token": "canary"}, "use wss://"),
        ({"url": URL, "token": "can\nary"}, "control characters"),
        ({"url": URL, "connect_timeout": "soon", "heartbeat_interval": -1}, "connect_timeout"),
        ({"url": URL, "topics": ["not a topic"]}, "topic"),
        ({"url": URL, "conect_timeout": 3}, "connect_timeout"),
    ],
)
async def test_st2_arguments_that_cannot_be_used_raise_first(
    arguments: dict[str, Any], words: str
) -> None:
    """All of them at once, and no secret in the words."""
    with pytest.raises(trunkline.ConfigError, match=words) as caught:
        async with trunkline.open_connection(**arguments):
            pass
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("mine", [KeyError("mine"), SystemExit(3), KeyboardInterrupt()])
async def test_the_bodys_exception_comes_out_as_itself(
    autojump_clock: trio.testing.MockClock, mine: BaseException
) -> None:
    """In no group, within the time of a close (DR2): a program's `sys.exit(3)` is its exit code."""
    simulator = Simulator(seed=1)
    async with simulator.in_memory() as dial:
        with pytest.raises(type(mine)) as caught:  # noqa: PT012 - the scope is what is tested
            async with trunkline.open_connection(URL, "demo-token", dial=dial) as connection:
                await connection.wait_connected()
                raise mine
        assert caught.value is mine
        await trio.sleep(2)
        assert simulator.socket_count == 0


@pytest.mark.parametrize("mine", [None, KeyError("mine")])
async def test_su4_who_still_iterates_outside_the_scope_is_at_the_end(
    autojump_clock: trio.testing.MockClock, mine: Exception | None
) -> None:
    """Left in order or by an exception: what has come is read, and nobody waits for ever."""
    seen: list[object] = []

    async def read(connection: trunkline.Connection) -> None:
        async with connection.events("t") as events:
            seen.extend([item async for item in events])

    simulator = Simulator(seed=1)
    with trio.fail_after(60):
        async with simulator.in_memory() as dial, trio.open_nursery() as nursery:
            with suppress(KeyError):
                async with trunkline.open_connection(URL, "demo-token", dial=dial) as connection:
                    await connection.wait_connected()
                    nursery.start_soon(read, connection)
                    await trio.sleep(1)
                    simulator.push({"type": "t"})
                    await connection.barrier()
                    if mine is not None:
                        raise mine
    assert len(seen) == 1


async def test_leaving_delivers_activity_and_says_goodbye(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The hello first, then what was recorded, then a Close."""
    simulator = Simulator(seed=1)
    async with simulator.in_memory() as dial:
        async with trunkline.open_connection(URL, "demo-token", dial=dial) as connection:
            await connection.wait_connected()
            connection.tracker.track_action("report.export", {"format": "csv"})
        frames = [str(got.frame) for got in simulator.received]
        assert ["session_hello" in frame for frame in frames if '"activity"' in frame] == [
            True,
            False,
        ]
        await trio.sleep(1)
        assert simulator.socket_count == 0


async def test_it_reads_and_writes_no_file(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No data directory, no socket of a control door, nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    simulator = Simulator(seed=1)
    async with (
        simulator.in_memory() as dial,
        trunkline.open_connection(URL, "demo-token", dial=dial) as connection,
    ):
        await connection.wait_connected()
    assert os.listdir(tmp_path) == []


async def test_topics_mean_the_same_as_in_a_host(autojump_clock: trio.testing.MockClock) -> None:
    """The built-ins' classifiers are there, none of their tasks or subscriptions."""
    simulator = Simulator(seed=1)
    async with (
        simulator.in_memory() as dial,
        trunkline.open_connection(URL, "demo-token", dial=dial) as connection,
    ):
        assert connection.subscription_count() == 0
        got: list[str] = []
        connection.subscribe("flow_executions", lambda event: got.append(event.type))
        await connection.wait_connected()
        simulator.push({"type": "agent_status", "execution_id": "1"})
        await trio.sleep(1)
        assert got == ["agent_status"]


async def test_cr6_a_token_that_travels_in_the_clear_is_warned_about(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """At every start, without the token."""

    async def nobody(*_: object) -> trio.abc.Stream:
        await trio.sleep_forever()
        raise AssertionError

    async with trunkline.open_connection(
        "ws://events.example/", "canary", allow_insecure_token=True, dial=nobody
    ):
        [warning] = [r for r in caplog.records if r.message == "token.exposed"]
        assert warning.levelno == logging.WARNING
        assert "canary" not in str(vars(warning))


async def test_two_connections_share_nothing(autojump_clock: trio.testing.MockClock) -> None:
    """Each has its own subscriptions and identity."""
    simulator = Simulator(seed=1)
    async with (
        simulator.in_memory() as dial,
        trunkline.open_connection(URL, "demo-token", dial=dial) as first,
        trunkline.open_connection(URL, "other-token", dial=dial) as second,
    ):
        await first.wait_connected()
        await second.wait_connected()
        assert (first.status.user, second.status.user) == ("alice", "bob")
        first.subscribe("t", print)
        assert second.subscription_count("t") == 0
