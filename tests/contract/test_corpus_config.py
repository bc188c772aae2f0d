"""C60 to C71: good and bad configuration files, through `check` and through what `run` does first.

`tests/core/config` holds the reader to its words; here whole commands answer, plugins included.
`{here}` stands for the directory of the file.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing
from tests.contract.corpus.configurations import (
    BAD,
    BESIDE,
    CANARY,
    CORPUS,
    GOOD,
    INCOMPLETE,
    MADE,
)

from trunkline.cli import main
from trunkline.config import Endpoint, load_config
from trunkline.errors import ConfigError, RequiredPluginMissing
from trunkline.host import Host
from trunkline.simulator import Simulator
from trunkline.simulator.upgrade import PATH
from trunkline.simulator.users import ALICE
from trunkline.transport.dialler import OnPhase

WAIT = 20.0  # s
EXITS = {**dict.fromkeys(GOOD, 0), **dict.fromkeys(BAD, 78), **dict.fromkeys(INCOMPLETE, 3)}
ALL = pytest.mark.parametrize("name", [*EXITS])


@pytest.fixture
def here(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return a directory with all that the files refer to, in an environment that is known."""
    for variable in [*os.environ]:
        if variable.upper().endswith("_PROXY"):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("TOKEN", CANARY)
    monkeypatch.setenv("EMPTY", " ")
    monkeypatch.setenv("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    monkeypatch.setenv("ROOM", f"https://chat.example/hooks/{CANARY}")
    monkeypatch.delenv("UNSET", raising=False)
    # short, because the path of a socket may have 107 characters
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("x")))
    for name, (mode, content) in BESIDE.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(mode)
    return tmp_path


def placed(name: str, here: Path) -> Path:
    """Put a file of the corpus into `here`; the host keeps things beside its file."""
    path = here / f"{name}.toml"
    content = MADE[name] if name in MADE else (CORPUS / path.name).read_bytes()
    if content is not None:
        path.write_bytes(content)
    return path


def told(name: str, here: Path) -> list[str]:
    """Return the lines of an outcome in full, sorted; nobody promises an order."""
    said = [*BAD.get(name, ()), *(f"plugins.require: {line}" for line in INCOMPLETE.get(name, ()))]
    return sorted(line.replace("{here}", str(here)) for line in said)


def warned(name: str, here: Path) -> list[str]:
    """Return the warnings of a good file."""
    return [line.replace("{here}", str(here)) for line in GOOD[name][1]] if name in GOOD else []


@ALL
def test_p20_check_says_exactly_this(
    name: str, here: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """All errors at once, each with its place and what would be right; no secret anywhere."""
    path = placed(name, here)
    with pytest.raises(SystemExit) as ended:
        main(["check", str(path)])

    out, err = capsys.readouterr()
    assert ended.value.code == EXITS[name]
    if name in GOOD:
        assert err.splitlines() == [f"warning: {line}" for line in warned(name, here)]
        assert out == f"{path}: fine\n"
    else:
        *problems, count = err.splitlines()
        assert sorted(problems) == told(name, here)
        assert count == f"{path}: {len(problems)} problem{'s' if len(problems) > 1 else ''}"
        assert not out
    assert CANARY not in out + err + str([vars(record) for record in caplog.records])


@pytest.mark.unmeasured
@ALL
def test_p21_programs_are_told_the_same_and_no_secret(
    name: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-v --json` shows everything there is, and secrets as `***`."""
    with pytest.raises(SystemExit) as ended:
        main(["check", "-v", "--json", str(placed(name, here))])

    out, err = capsys.readouterr()
    report = json.loads(out)
    assert CANARY not in out + err
    assert ended.value.code == EXITS[name]
    assert report["ok"] is (name in GOOD)
    assert report["warnings"] == warned(name, here)
    said = [f"{problem['where']}: {problem['cause']}" for problem in report["problems"]]
    assert sorted(said) == told(name, here)


@pytest.mark.unmeasured
@ALL
def test_p23_run_agrees(name: str, here: Path) -> None:
    """What `run` does before its first connect succeeds exactly if `check` exits 0."""
    path = placed(name, here)
    if name in GOOD:
        Host.from_file(path)
        return
    with pytest.raises((ConfigError, RequiredPluginMissing)) as caught:
        Host.from_file(path)

    assert isinstance(caught.value, ConfigError) is (name in BAD)
    prefix = "" if name in BAD else "plugins.require: "
    assert sorted(f"{prefix}{line}" for line in str(caught.value).splitlines()) == told(name, here)
    assert CANARY not in repr(caught.value)
    assert {path.name for path in here.iterdir()} <= {*BESIDE, f"{name}.toml", "__pycache__"}


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", [name for name, (url, _) in GOOD.items() if url])
async def test_p23_run_reaches_its_first_connect(name: str, here: Path) -> None:
    """To the address of the file, with its token; where the simulator lives, the link is up.

    In real time: a sink writes in a thread, and a thread looks idle to a clock that jumps.
    """
    asked: list[Endpoint] = []
    was_asked = trio.Event()
    users = {CANARY: ALICE, f"{CANARY}-\u00fc": ALICE}
    with trio.fail_after(WAIT):
        async with Simulator(users=users).in_memory() as connect, trio.open_nursery() as nursery:

            async def dial(endpoint: Endpoint, on_phase: OnPhase) -> trio.abc.Stream:
                asked.append(endpoint)
                was_asked.set()
                return await connect(endpoint, on_phase)

            host = Host(load_config(placed(name, here)), dial=dial)
            await nursery.start(
                lambda task_status: host.run(handle_signals=False, task_status=task_status)
            )
            await was_asked.wait()
            if asked[0].target.startswith(PATH):
                await host.connection.wait_connected()
            host.stop()

    reached = f"{'wss' if asked[0].secure else 'ws'}://{asked[0].host_header}{asked[0].target}"
    assert reached.startswith(GOOD[name][0])


@pytest.mark.unmeasured
@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("name", ["65-all-plugins-at-once", "72-required-misspelt"])
def test_p23_the_commands_themselves_agree(name: str, command: str, here: Path) -> None:
    """As processes: exit code and every line."""
    done = trunkline(command, placed(name, here))

    assert done.returncode == EXITS[name]
    for line in told(name, here):
        assert line.removeprefix("plugins.require: ") in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_p20_problems_come_in_the_order_of_the_file(here: Path) -> None:
    """Whatever table or plugin they are about: who mends them reads from top to bottom."""
    with pytest.raises(ConfigError) as caught:
        Host.from_file(placed("65-all-at-once", here))

    lines = [problem.line for problem in caught.value.problems]
    assert lines == sorted(lines)
    assert len(lines) == len(BAD["65-all-at-once"])


def test_check_says_nothing_but_the_problems(here: Path) -> None:
    """No bare names of log events among them."""
    name = "65-all-plugins-at-once"
    done = trunkline("check", placed(name, here))

    assert sorted(done.stderr.splitlines()[:-1]) == told(name, here)


def test_check_leaves_nothing_behind(here: Path) -> None:
    """Whoever checks as root must not leave a directory that the service cannot write."""
    path = placed("00-anonymous", here)
    before = {*here.iterdir()}
    with pytest.raises(SystemExit):
        main(["check", str(path)])

    assert {*here.iterdir()} == before


def trunkline(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command as people do."""
    return subprocess.run(
        [sys.executable, "-m", "trunkline", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


def test_the_corpus_is_as_large_as_promised() -> None:
    """Forty files at least, and each has its outcome."""
    kept = {path.stem for path in CORPUS.glob("*.toml")}

    assert len(kept) >= 40
    assert kept | set(MADE) == set(EXITS)
    assert not kept & set(MADE)
