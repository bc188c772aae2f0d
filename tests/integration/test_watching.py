"""`--watch`: restarted by what changes, never by what does not check; processes, in real time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from processes import finish, process, read_until

from trunkline.cli import trunkline
from trunkline.cli.judging import Plan, Verdict, verdict_of
from trunkline.cli.watching import Watch

LIMIT = 45.0  # s; each takes a few
CONFIG = """
[connection]
url = "ws://127.0.0.1:1/"
[plugins]
paths = ["audit.py"]
"""
PLUGIN = """
import os, time, trio
from trunkline import hookimpl

print("imported")

@hookimpl
async def trunkline_run(ctx):
    with open({marks!r}, "a") as file:
        file.write(f"{word} {{os.getpid()}}\\n")
    ctx.started()
    while {hangs}:
        time.sleep(60)
"""


class Bench:
    """A folder with a configuration and one plugin, which leaves marks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "trunkline.toml"
        self.file.write_text(CONFIG)

    def plugin(self, word: str, *, hangs: bool = False) -> None:
        """Write the plugin: it will write `word` and its process, and may block the loop then."""
        marks = str(self.folder / "marks")
        (self.folder / "audit.py").write_text(PLUGIN.format(marks=marks, word=word, hangs=hangs))

    async def mark(self, word: str) -> int:
        """Wait for a mark; return the process that made it."""
        path = self.folder / "marks"
        while True:
            marks = path.read_text().splitlines() if path.exists() else []
            if found := [mark for mark in marks if mark.startswith(f"{word} ")]:
                return int(found[-1].split()[1])
            await trio.sleep(0.02)


async def check(plan: Plan) -> Verdict:
    """Let `check` judge, without a process of its own; local plugins are imported anew all the same."""
    result = CliRunner().invoke(trunkline, ["check", str(plan.file), "--json"])
    return verdict_of(result.stdout_bytes, result.stderr_bytes)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def said(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """Wait until the watcher has said all of it."""
    text = ""
    while not all(word in text for word in words):
        text += capsys.readouterr().err
        await trio.sleep(0.02)


async def test_a_change_starts_a_new_process_and_nonsense_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plugin, configuration, broken plugin, one that hangs and must be killed; then Ctrl-C."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    bench = Bench(tmp_path)
    bench.plugin("one")
    bench.file.write_text(CONFIG + "[hots]\n")
    plan = Plan(["run", str(bench.file)], bench.file)
    watch = Watch(plan, judge=check, restart_limit=0.2, poll=0.05)
    codes: list[int] = []

    async def run() -> None:
        codes.append(await watch.run())

    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await said(capsys, "hots: unknown key (did you mean `host`?)", "nothing runs")
            bench.file.write_text(CONFIG)
            one = await bench.mark("one")
            await said(capsys, "looking at audit.py, trunkline.toml")

            bench.file.write_text(CONFIG + "[hots]\n")
            await said(
                capsys, "hots: unknown key (did you mean `host`?)", "the old process goes on"
            )
            bench.file.write_text(CONFIG)
            (tmp_path / "audit.py").write_text("def (:")
            await said(capsys, "plugin audit (audit.py:1) failed to import", "old process goes on")
            assert is_there(one)

            bench.plugin("two", hangs=True)
            two = await bench.mark("two")
            assert not is_there(one)

            bench.plugin("three")
            three = await bench.mark("three")
            await said(capsys, f"process {two} does not stop; it is killed")
            assert not is_there(two)

            os.kill(os.getpid(), signal.SIGINT)
    assert codes == [0]
    assert not is_there(three)


async def test_a_watched_process_ends_with_its_watcher(tmp_path: Path) -> None:
    """Killed outright the watcher can pass nothing on; the pipe between them ends all the same."""
    bench = Bench(tmp_path)
    bench.plugin("one")
    command = [sys.executable, "-m", "trunkline.cli.watched", "run", str(bench.file)]
    with trio.fail_after(LIMIT):
        watched = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE)
        assert watched.stdin is not None
        await bench.mark("one")
        await watched.stdin.aclose()
        assert await watched.wait() == 0


async def test_replay_watch_feeds_the_recording_and_ends_at_a_signal(tmp_path: Path) -> None:
    """As a person calls it: it goes on after the recording has ended, and Ctrl-C is exit 0."""
    bench = Bench(tmp_path)
    bench.plugin("one")
    (tmp_path / "monday.jsonl").write_text('{"trunkline_recording":1,"url":"ws://127.0.0.1:1/"}\n')
    words = ("replay", "monday.jsonl", "--speed", "0", "--watch")
    with trio.fail_after(LIMIT):
        async with process(*words, cwd=str(tmp_path)) as watching:
            said = await read_until(watching.stderr, "a change starts it again")
            assert "looking at audit.py, trunkline.toml" in said
            assert "ended by itself, exit 0" in said
            await bench.mark("one")
            watching.send_signal(signal.SIGINT)
            code, _, rest = await finish(watching)
    assert (code, rest.splitlines()) == (0, [])
