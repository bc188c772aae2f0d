"""What the operating system does to a host: freezes it, ends it at any moment, runs out of files."""

import json
import os
import random
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from processes import finish, process, read_until

from trunkline.control import fetch
from trunkline.simulator import Simulator

LIMIT = 45  # s for any of these, on a busy computer
CONFIG = """
[connection]
url = "{url}"
token = {{ env = "TRUNKLINE_TOKEN" }}
backoff_max = 0.5
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return {**os.environ, "TRUNKLINE_TOKEN": "demo-token"}


def configured(tmp_path: Path, url: str) -> Path:
    file = tmp_path / "trunkline.toml"
    file.write_text(CONFIG.format(url=url))
    return file


async def status(file: Path) -> dict[str, Any]:
    return await trio.to_thread.run_sync(fetch, file)


@asynccontextmanager
async def linked_host(
    tmp_path: Path, environment: dict[str, str]
) -> AsyncIterator[tuple[trio.Process, Simulator, Path]]:
    """Yield a host that is connected, its server, and its configuration; the body has `LIMIT`."""
    simulator = Simulator(seed=1)
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url:
            file = configured(tmp_path, url)
            async with process("run", str(file), "--log-text", env=environment) as host:
                await read_until(host.stderr, "new=connected")
                yield host, simulator, file


async def test_f18_a_host_that_was_frozen_goes_on(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """SIGSTOP for two seconds, as a laptop's lid: same epoch, nothing expired, and it answers."""
    async with linked_host(tmp_path, environment) as (host, simulator, file):
        host.send_signal(signal.SIGSTOP)
        await trio.sleep(2)
        simulator.push({"type": "audit_event"})
        host.send_signal(signal.SIGCONT)
        while not (await status(file))["routing"]["routed"].get("audit"):  # noqa: ASYNC110 - asked over a socket
            await trio.sleep(0.05)
        report = await status(file)
        link = report["connection"]
        assert (link["state"], link["epoch"]) == ("connected", 1)
        host.terminate()
        assert (await finish(host))[0] == 0


THREADY = """import time, trio
from trunkline import hookimpl

@hookimpl
async def trunkline_run(ctx):
    ctx.started()
    await trio.to_thread.run_sync(time.sleep, 60)
"""


OBSTINATE = """import sys, time
while True:
    try:
        print("importing", file=sys.stderr, flush=True)
        time.sleep(60)
    except BaseException:
        pass
"""


async def test_f24_an_import_that_swallows_signals_is_ended_by_the_second(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """As a stop is: at once, exit 1; nothing else than `kill -9` would help."""
    (tmp_path / "thready.py").write_text(OBSTINATE)
    file = configured(tmp_path, "ws://127.0.0.1:9/ws")
    file.write_text(file.read_text() + '[plugins]\npaths = ["thready.py"]\n')
    with trio.fail_after(LIMIT):
        async with process("run", str(file), "--log-text", env=environment) as host:
            for _ in range(2):
                await read_until(host.stderr, "importing")
                host.terminate()
            code, _, err = await finish(host)
    assert code == 1
    assert "host.stuck  plugin=(being imported)" in err


@pytest.mark.parametrize(("signals", "most"), [(1, 10), (2, 8)])
async def test_f24_a_thread_that_nothing_interrupts_holds_up_no_stop(
    tmp_path: Path, environment: dict[str, str], signals: int, most: int
) -> None:
    """The process ends in its time all the same, exit 1, and the plugin is named."""
    (tmp_path / "thready.py").write_text(THREADY)
    file = configured(tmp_path, "ws://127.0.0.1:9/ws")
    extra = '[host]\nstop_timeout = 2\n[plugins]\npaths = ["thready.py"]\n'
    file.write_text(file.read_text() + extra)
    with trio.fail_after(LIMIT):
        async with process("run", str(file), "--log-text", env=environment) as host:
            await read_until(host.stderr, "connection.lost")
            start = trio.current_time()
            for _ in range(signals):
                host.terminate()
                await trio.sleep(0.2)
            code, _, err = await finish(host)
    assert code == 1
    assert trio.current_time() - start <= most
    assert "host.stuck  plugin=thready" in err
    assert "Traceback" not in err


async def test_f23_without_descriptors_the_link_lives_and_the_log_is_not_flooded(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Every descriptor is taken while somebody asks at the door: it waits, the events come."""
    async with linked_host(tmp_path, environment) as (host, simulator, file):
        used = len(os.listdir(f"/proc/{host.pid}/fd"))
        resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (used, 1024))
        with trio.move_on_after(2):
            await trio.to_thread.run_sync(lambda: asked(file), abandon_on_cancel=True)
        simulator.push({"type": "audit_event"})
        await trio.sleep(0.2)
        resource.prlimit(host.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        report = await status(file)
        assert report["connection"]["state"] == "connected"
        assert report["connection"]["epoch"] == 1
        assert report["routing"]["routed"]["audit"] == 1
        host.terminate()
        code, _, err = await finish(host)
    assert code == 0
    assert len([line for line in err.splitlines() if "host.no_descriptors" in line]) == 1
    assert "Traceback" not in err


def asked(file: Path) -> None:
    try:
        fetch(file)
    except Exception as exc:  # noqa: BLE001 - nobody can answer now; that is the point
        del exc


@pytest.mark.parametrize("seed", range(6))
async def test_f24_a_signal_at_any_moment_is_a_clean_end(
    tmp_path: Path, environment: dict[str, str], seed: int
) -> None:
    """SIGTERM or SIGINT while it starts, connects, works or reconnects: exit 0, or 1 after a second one."""
    rng = random.Random(seed)
    simulator = Simulator(seed=seed, scenario="demo", speed=20)
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url:
            file = configured(tmp_path, url)
            async with process("run", str(file), "--log-json", env=environment) as host:
                await read_until(host.stderr, "plugin.loaded")  # before that Python itself starts
                await trio.sleep(rng.uniform(0, 1.0))
                if rng.random() < 0.3:
                    simulator.close_all(None)
                host.send_signal(rng.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP]))
                is_impatient = rng.random() < 0.4
                if is_impatient:
                    await trio.sleep(rng.uniform(0, 0.05))
                    host.send_signal(signal.SIGTERM)
                start = trio.current_time()
                code, _, err = await finish(host)
                most = 5 if is_impatient else 10  # s, on a busy computer
                assert trio.current_time() - start <= most
    assert code in ({0, 1} if is_impatient else {0}), err
    assert "Traceback" not in err
    for line in err.splitlines():
        json.loads(line.removeprefix("trunkline: ") if line.startswith("{") else "{}")
