"""The outbox as people run it: two hosts on a file, a newer file, a stop while a sink is stalled."""

import json
import os
import resource
import signal
import sqlite3
from pathlib import Path

import pytest
import trio
from processes import finish, process, read_until

from trunkline.control import fetch
from trunkline.errors import ConfigError
from trunkline.host import Host
from trunkline.simulator import Simulator

LIMIT = 25  # s for any of these
CONFIG = """
[connection]
url = "{url}"
token = {{ env = "TRUNKLINE_TOKEN" }}
backoff_max = 0.5
[activity]
path = "var/outbox.db"
[host]
stop_timeout = 4.0
[plugins]
paths = ["{plugin}.py"]
"""
STALLED = """
import trio
from trunkline import hookimpl

@hookimpl
def trunkline_register_sinks(sinks):
    async def write(events):
        {body}
    sinks.add("sink", write, linger=0.0)

@hookimpl
async def trunkline_run(ctx):
    ctx.started()
    for n in range({count}):
        ctx.tracker.track_action(f"n{{n}}")
    await ctx.tracker.flush(5, until="stored")
    ctx.log.warning("all.stored")
    while {busy}:
        await trio.sleep(0.05)
        ctx.tracker.track_action("more")
    await trio.sleep_forever()
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TRUNKLINE_TOKEN", "demo-token")
    return {**os.environ, "TRUNKLINE_TOKEN": "demo-token"}


async def test_a_stop_with_a_stalled_sink_leaves_the_rest_to_the_next_start(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """SIGTERM: exit 0 in its time; a second host is refused meanwhile; the next delivers all, once."""
    simulator = Simulator(seed=1)
    out = tmp_path / "out"
    (tmp_path / "plugin.py").write_text(
        STALLED.format(body="await trio.sleep_forever()", count=500, busy=False)
    )
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url:
            file = tmp_path / "trunkline.toml"
            file.write_text(CONFIG.format(url=url, plugin="plugin"))
            async with process("run", cwd=tmp_path, env=environment) as host:
                await read_until(host.stderr, "all.stored")
                async with process("run", cwd=tmp_path, env=environment) as second:
                    code, _, err = await finish(second)
                assert code == 1
                assert f"in use by another host, pid {host.pid}" in err
                assert "Traceback" not in err
                start = trio.current_time()
                host.send_signal(signal.SIGTERM)
                code, _, err = await finish(host)
                assert code == 0
                assert trio.current_time() - start < 6
            body = (
                f"open({str(out)!r}, 'a').write(''.join(e.get('name') + chr(10) for e in events))"
            )
            (tmp_path / "plugin.py").write_text(STALLED.format(body=body, count=0, busy=False))
            async with process("run", cwd=tmp_path, env=environment) as host:
                await read_until(host.stderr, '"new": "connected"')
                report = await trio.to_thread.run_sync(fetch, file)
                assert {sink["carried_count"] for sink in report["activity"]["sinks"]} <= {0, 500}
                while not out.exists() or out.read_text().count("\n") < 500:  # noqa: ASYNC110 - another process
                    await trio.sleep(0.02)
                host.send_signal(signal.SIGTERM)
                assert (await finish(host))[0] == 0
    assert out.read_text().split() == [f"n{n}" for n in range(500)]
    got = [
        json.loads(str(each.frame)) for each in simulator.received if '"action"' in str(each.frame)
    ]
    assert len({frame["metadata"]["_trunkline"]["id"] for frame in got}) == 500


async def test_f14_a_full_disk_is_said_and_heals_and_a_newer_file_is_refused(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """A real limit on the size of files; the host answers all the while."""
    (tmp_path / "plugin.py").write_text(
        STALLED.format(body="await trio.sleep_forever()", count=10, busy=True)
    )
    file = tmp_path / "trunkline.toml"
    file.write_text(CONFIG.format(url="ws://127.0.0.1:9/ws", plugin="plugin"))
    with trio.fail_after(LIMIT):
        async with process("run", cwd=tmp_path, env=environment) as host:
            await read_until(host.stderr, "all.stored")
            resource.prlimit(host.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            await read_until(host.stderr, "outbox.degraded")
            report = await trio.to_thread.run_sync(fetch, file)
            assert report["activity"]["degraded"]
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(host.pid, resource.RLIMIT_FSIZE, unlimited)
            await read_until(host.stderr, "outbox.healed")
            host.kill()
            await host.wait()
        db = sqlite3.connect(tmp_path / "var" / "outbox.db")
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        [count] = db.execute("SELECT count(*) FROM events").fetchone()
        assert count > 10
        db.execute("PRAGMA user_version = 99")
        db.close()
        with pytest.raises(ConfigError, match=r"activity\.path.*newer version of Trunkline"):
            await Host.from_file(file).run(handle_signals=False)
