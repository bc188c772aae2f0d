"""The programs as people run them: real processes, a real WebSocket on loopback, real signals."""

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner
from processes import finish, process, read_until

from trunkline.cli import trunkline
from trunkline.simulator import Simulator

LIMIT = 45  # s for any of these, on a busy computer
CONFIG = """
[connection]
url = "{url}"
token = {{ env = "TRUNKLINE_TOKEN" }}
backoff_max = 0.5

[plugin.activity]
sinks = [{{ kind = "jsonl", path = "seen.jsonl", topics = ["audit"] }}]
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "TRUNKLINE_TOKEN": "demo-token", "XDG_RUNTIME_DIR": str(tmp_path)}


async def settle(condition: Any) -> None:
    """Wait until `condition()` holds, asking now and then."""
    while not condition():  # noqa: ASYNC110 - another process changes it
        await trio.sleep(0.02)


async def test_a_host_runs_reports_and_stops_in_order(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Run, events to a file by a sink, status from another process, SIGTERM: exit 0."""
    simulator = Simulator(seed=1)
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url:
            (tmp_path / "trunkline.toml").write_text(CONFIG.format(url=url))
            async with process("run", cwd=tmp_path, env=environment) as host:
                await read_until(host.stderr, '"new": "connected"')
                simulator.push(
                    {"topic": "audit", "type": "audit_event", "payload": {"action": "x"}}
                )
                await settle((tmp_path / "seen.jsonl").exists)
                async with process("status", "--json", cwd=tmp_path, env=environment) as asking:
                    code, out, _ = await finish(asking)
                report = json.loads(out)
                assert code == 0
                assert report["connection"]["state"] == "connected"
                assert report["connection"]["user"] == "alice"
                assert {plugin["state"] for plugin in report["plugins"]} == {"running"}
                assert report["routing"]["routed"]["audit"] == 1
                async with process(
                    "status", "--watch", "--json", cwd=tmp_path, env=environment
                ) as watching:
                    await read_until(watching.stdout, "}\n")
                    host.send_signal(signal.SIGTERM)
                    code, _, err = await finish(host)
                    await read_until(watching.stderr, "no host is running")  # and looks again
                    watching.send_signal(signal.SIGINT)
                    assert (await finish(watching))[0] == 0
    assert code == 0
    assert "demo-token" not in err
    assert all(json.loads(line)["event"] for line in err.splitlines())
    [line] = (tmp_path / "seen.jsonl").read_text().splitlines()
    assert json.loads(line)["data"]["payload"] == {"action": "x"}


async def test_a_second_signal_ends_it_at_once(tmp_path: Path, environment: dict[str, str]) -> None:
    """A plugin that will not stop holds the first signal up, not the second: exit 1 within 1 s."""
    (tmp_path / "stubborn.py").write_text(
        "import trio\nfrom trunkline import hookimpl\n\n"
        "@hookimpl\nasync def trunkline_run(ctx):\n"
        "    ctx.started()\n"
        "    try:\n        await trio.sleep_forever()\n"
        "    finally:\n        with ctx.cleanup():\n            await trio.sleep_forever()\n"
    )
    async with Simulator(seed=1).listen() as url:
        text = CONFIG.format(url=url) + '[plugins]\npaths = ["stubborn.py"]\n'
        (tmp_path / "trunkline.toml").write_text(text)
        with trio.fail_after(LIMIT):
            async with process("run", cwd=tmp_path, env=environment) as host:
                await read_until(host.stderr, '"new": "connected"')
                host.send_signal(signal.SIGTERM)
                await read_until(host.stderr, '"new": "draining"')
                start = trio.current_time()
                host.send_signal(signal.SIGTERM)
                code, _, err = await finish(host)
    assert code == 1
    assert trio.current_time() - start < 1.5
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
async def test_a_signal_during_the_start_is_a_clean_stop(
    number: signal.Signals, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Also while nobody answers at the server's address."""
    (tmp_path / "trunkline.toml").write_text(CONFIG.format(url="ws://127.0.0.1:9/ws"))
    with trio.fail_after(LIMIT):
        async with process("run", cwd=tmp_path, env=environment) as host:
            await read_until(host.stderr, "connection.lost")
            host.send_signal(number)
            code, _, err = await finish(host)
    assert code == 0
    assert "Traceback" not in err


KILL = "import os, signal, trio\n\ndef kill():\n    os.kill(os.getpid(), signal.SIGTERM)\n\n"
EARLY = {
    "while a plugin is imported": "kill()\n",  # not that plugin's failure, to be contained
    "just before the host listens": (
        "listen = trio.open_signal_receiver\n"
        "trio.open_signal_receiver = lambda *numbers: kill() or listen(*numbers)\n"
    ),
}


@pytest.mark.parametrize("moment", EARLY)
async def test_c91c_no_signal_during_the_start_is_lost(
    moment: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Exit 0, and nothing was connected."""
    (tmp_path / "early.py").write_text(KILL + EARLY[moment])
    text = CONFIG.format(url="ws://127.0.0.1:9/ws") + '[plugins]\npaths = ["early.py"]\n'
    (tmp_path / "trunkline.toml").write_text(text)
    with trio.fail_after(LIMIT):
        async with process("run", cwd=tmp_path, env=environment) as host:
            code, _, err = await finish(host)
    assert code == 0
    assert "connection.state" not in err
    assert "Traceback" not in err


async def test_tail_needs_no_file_and_filters(environment: dict[str, str]) -> None:
    """One line of JSON for each event that holds to `--where`; ends after `--count`."""
    simulator = Simulator(seed=1)
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url:
            options = ["--url", url, "--token-env", "TRUNKLINE_TOKEN", "--json", "--count", "1"]
            async with process(
                "tail", "audit", "--where", "payload.n=2", *options, env=environment
            ) as tail:
                await read_until(tail.stderr, '"new": "connected"')
                for number in (1, 2, 3):
                    simulator.push(
                        {"topic": "audit", "type": "audit_event", "payload": {"n": number}}
                    )
                code, out, _ = await finish(tail)
    assert code == 0
    [event] = [json.loads(line) for line in out.splitlines()]
    assert event["data"]["payload"] == {"n": 2}
    assert event["origin"] == "live"


async def test_tail_ends_quietly_when_its_reader_goes_away(environment: dict[str, str]) -> None:
    """`tail | head -1`: exit 0 and no traceback."""
    simulator = Simulator(seed=1, scenario="burst")
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url:
            options = ["--url", url, "--token-env", "TRUNKLINE_TOKEN", "--raw"]
            async with process("tail", "*", *options, env=environment) as tail:
                await read_until(tail.stdout, "\n")
                assert tail.stdout is not None
                await tail.stdout.aclose()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(keep_pushing, simulator)
                    code = await tail.wait()
                    nursery.cancel_scope.cancel()
                assert tail.stderr is not None
                err = b"".join([bytes(chunk) async for chunk in tail.stderr]).decode()
    assert code == 0
    assert "Traceback" not in err


async def keep_pushing(simulator: Simulator) -> None:
    while True:
        simulator.push({"topic": "audit", "type": "audit_event", "payload": {}})
        await trio.sleep(0.05)


@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        ('{"type":"ping"}', 0, '{"type":"pong"}'),
        ('{"type":"command","command":"stop","execution_id":"none"}', 1, "refused: unauthorized"),
        ('{"no":"type"}', 2, "a message needs a `type`"),
    ],
)
async def test_send_prints_what_the_server_says(
    message: str, code: int, said: str, environment: dict[str, str]
) -> None:
    """The acknowledgement on stdout; a refusal on stderr, exit 1."""
    with trio.fail_after(LIMIT):
        async with Simulator(seed=1).listen() as url:
            options = ["--url", url, "--token-env", "TRUNKLINE_TOKEN"]
            async with process("send", message, *options, env=environment) as sending:
                got, out, err = await finish(sending)
    assert got == code
    assert said in (out if code == 0 else err)
    assert "Traceback" not in err


async def test_the_demo_ends_by_itself_having_shown_all_four_topics() -> None:
    """Plain lines without a terminal; a lost connection survived."""
    with trio.fail_after(LIMIT):
        async with process(
            "demo", "--seconds", "5", "--speed", "3", "--seed", "7", "--plain"
        ) as demo:
            code, out, err = await finish(demo)
    assert (code, err) == (0, "")
    for topic in ("flow_executions", "approvals", "activity", "system"):
        assert f" {topic} " in out
    [survived] = re.findall(r"reconnects survived: (\d+)", out)
    assert int(survived) >= 1


async def act_from_a_second_terminal(demo: trio.Process) -> None:
    """Stop an execution and decline a request, as the demo says."""
    out = await read_until(demo.stdout, " RUNNING")
    [file] = set(re.findall(r"in a second terminal: .* --config (\S+)", out))
    running = re.findall(r"([0-9a-f]{8}) .* RUNNING", out)[-1]
    stop = ["flows", "stop", running, "--config", file]
    stopped = await trio.to_thread.run_sync(CliRunner().invoke, trunkline, stop)
    assert "is stopped" in stopped.output
    out = await read_until(demo.stdout, " pending")
    pending = re.findall(r"([0-9a-f]{8}) \S+ pending", out)[-1]
    decline = ["approvals", "decline", pending, "--comment", "no", "--config", file]
    declined = await trio.to_thread.run_sync(CliRunner().invoke, trunkline, decline)
    assert "declined" in declined.output


async def test_the_demo_ends_quietly_when_its_reader_goes_away_and_on_ctrl_c() -> None:
    """`demo | head -2`, and a person who acts and leaves: exit 0, no traceback."""
    with trio.fail_after(LIMIT):
        async with process("demo", "--speed", "3") as demo:
            await read_until(demo.stdout, "\n")
            assert demo.stdout is not None
            await demo.stdout.aclose()
            assert await demo.wait() == 0
            assert demo.stderr is not None
            assert b"".join([bytes(chunk) async for chunk in demo.stderr]) == b""
        async with process("demo", "--speed", "3") as demo:
            await act_from_a_second_terminal(demo)
            demo.send_signal(signal.SIGINT)
            code, out, err = await finish(demo)
    assert (code, err) == (0, "")
    assert "reconnects survived" in out


async def test_simulate_says_how_to_reach_it_and_ends_on_ctrl_c() -> None:
    """The lines it prints can be pasted."""
    with trio.fail_after(LIMIT):
        async with process("simulate", "--port", "0") as simulate:
            out = await read_until(simulate.stdout, "--token-env")
            assert "listening on ws://127.0.0.1:" in out
            simulate.send_signal(signal.SIGINT)
            code, _, err = await finish(simulate)
    assert code == 0
    assert "Traceback" not in err


async def test_a_taken_port_is_said_plainly() -> None:
    """Exit 1, the port named, the way out named."""
    with trio.fail_after(LIMIT):
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        async with listeners[0]:
            port = listeners[0].socket.getsockname()[1]
            async with process("simulate", "--port", str(port)) as simulate:
                code, _, err = await finish(simulate)
    assert code == 1
    assert str(port) in err
    assert "Traceback" not in err
