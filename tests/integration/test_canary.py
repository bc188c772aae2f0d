"""S4: a token is told to nobody. Every command and every trouble at DEBUG, then a search for it."""

import json
import os
import signal
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import trio
from processes import finish, process

from trunkline import open_connection
from trunkline.simulator import ALICE, Faults, Simulator

CANARY = "canary-7d1f4b"
LOUD = ("--config", "trunkline.toml", "--log-level", "debug")
LIMIT = 100  # s for the whole sweep, on a busy computer
CONFIG = """
[connection]
url = "{url}"
token = {{ env = "CANARY_TOKEN" }}
backoff_max = 0.3
heartbeat_interval = 0.5
[host]
http = "127.0.0.1:0"
[plugins]
paths = ["noisy.py"]
[plugin.noisy]
key = {{ file = "secret.txt" }}
[plugin.activity]
sinks = [{{ kind = "jsonl", path = "seen.jsonl", topics = ["*"] }}]
"""
PLUGIN = """
import attrs, trio
from trunkline import PluginInfo, hookimpl
from trunkline.plugin_api import Secret

@attrs.frozen
class Settings:
    key: Secret

trunkline_plugin = PluginInfo(config=Settings)

@hookimpl
def trunkline_register_subscriptions(subscriptions, config):
    def fail(event):
        raise RuntimeError(f"{config} {config.key} {config.key!r}")
    subscriptions.add("*", fail)

@hookimpl
async def trunkline_run(ctx):
    ctx.started()
    ctx.note(f"{ctx.config}")
    await trio.sleep(0.3)
    raise RuntimeError(f"{ctx.config.key} {vars(ctx)}" if hasattr(ctx, "__dict__") else f"{ctx}")
"""
#: Commands that end by themselves, and their exit codes; a list is run in its order.
COMMANDS: tuple[list[tuple[tuple[str, ...], int]], ...] = (
    [
        (("check", "trunkline.toml", "-v"), 0),
        (("run", "broken.toml", "--log-level", "debug"), 78),
        (("plugins", "trunkline.toml", "--hooks", "--json"), 0),
        (("send", '{"type":"authenticate","token":"x"}', *LOUD), 2),
    ],
    [
        (("status", "trunkline.toml", "--json"), 0),
        (("send", '{"type":"ping"}', *LOUD), 0),
        (("tail", "*", "--count", "3", *LOUD), 0),
        (("record", "a.jsonl", "--count", "5", "--config", "trunkline.toml"), 0),
        (("replay", "a.jsonl", "--config", "trunkline.toml", "--json"), 0),
    ],
)


class Sweep:
    """Runs commands in a folder and keeps everything they say."""

    def __init__(self, folder: Path) -> None:
        self._options: dict[str, Any] = {
            "cwd": folder,
            "env": {**os.environ, "CANARY_TOKEN": CANARY, "XDG_RUNTIME_DIR": str(folder)},
        }
        self.said: list[str] = []

    def process(self, *arguments: str) -> AbstractAsyncContextManager[trio.Process]:
        return process(*arguments, **self._options)

    async def follow(self, stream: trio.abc.ReceiveStream | None) -> None:
        """Read what a process says for as long as it says anything."""
        assert stream is not None
        async for chunk in stream:
            self.said.append(chunk.decode())

    async def until(self, words: str) -> None:
        while words not in "".join(self.said):  # noqa: ASYNC110 - a process says it
            await trio.sleep(0.02)

    async def run(self, commands: list[tuple[tuple[str, ...], int]]) -> None:
        for arguments, code in commands:
            async with self.process(*arguments) as command:
                found, out, err = await finish(command)
            assert found == code, (arguments, found, err)
            self.said += [out, err]


@pytest.mark.timeout(120)
async def test_s4_the_token_is_in_nothing_that_was_said_or_written(tmp_path: Path) -> None:
    """A host through losses, refusals and garbage, and commands beside it.

    Others, in the same process as the test, are searched by the corpus of configurations.
    """
    faults = Faults(malformed_every=0.3)
    simulator = Simulator(seed=4, users={CANARY: ALICE}, scenario="demo", speed=30, faults=faults)
    sweep = Sweep(tmp_path)
    with trio.fail_after(LIMIT):
        async with simulator.listen() as url:
            (tmp_path / "trunkline.toml").write_text(CONFIG.format(url=url))
            (tmp_path / "broken.toml").write_text(
                CONFIG.format(url=f"{url}?token={CANARY}") + f'[typo]\nkey = "{CANARY}"\n'
            )
            (tmp_path / "noisy.py").write_text(PLUGIN)
            (tmp_path / "secret.txt").write_text(f"{CANARY}-of-a-plugin")
            async with (
                sweep.process("run", "trunkline.toml", "--log-level", "debug") as host,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(sweep.follow, host.stderr)
                await sweep.until('"new": "connected"')
                sweep.said.append(await trio.Path(f"/proc/{host.pid}/cmdline").read_text())
                async with trio.open_nursery() as beside:
                    for commands in COMMANDS:
                        beside.start_soon(sweep.run, commands)
                simulator.close_all(1011, "oops")
                await sweep.until("connection.lost")
                simulator.refuse_tokens = True
                simulator.close_all(None)
                await sweep.until("auth.blocked")
                host.send_signal(signal.SIGTERM)
                code = await host.wait()
    assert code == 0
    log = "".join(sweep.said)
    for event in ("auth.refused", "handler.failed", "message.dropped", "task.failed"):
        assert event in log, event
    assert len(log) > 20_000
    assert CANARY not in log
    assert_absent(tmp_path)


def assert_absent(folder: Path) -> None:
    """The secret is in no file but those it was put into."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in {"secret.txt", "broken.toml"}:
            assert CANARY.encode() not in path.read_bytes(), path


async def test_s4_what_a_provider_raises_is_not_repeated(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its text may hold what it fetched; the class is told."""
    caplog.set_level("DEBUG")
    asked = trio.Semaphore(0)

    async def provider(*, fresh: bool) -> str:
        asked.release()
        await trio.lowlevel.checkpoint()
        raise RuntimeError(f"could not refresh {CANARY} {fresh}")

    with trio.fail_after(LIMIT):
        async with (
            Simulator(seed=1).listen() as url,
            open_connection(url, provider, backoff_max=0.2) as connection,
        ):
            for _ in range(3):
                await asked.acquire()
            told = [connection.status, connection.statistics(), repr(connection), vars(connection)]
    text = "\n".join(map(repr, [*told, *(vars(record) for record in caplog.records)]))
    assert "RuntimeError" in text
    assert CANARY not in text
    assert json.dumps(CANARY) not in text
