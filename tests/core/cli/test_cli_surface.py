"""What every command shares: help, versions, exit codes, lazy imports."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from trunkline.cli import COMMANDS, main, trunkline

# what `--version` may import of ours and of the heavy libraries: nothing but the command line
HEAVY = ("trio", "pluggy", "cattrs", "orjson", "rich", "hypercorn", "trunkline_plugins", "httpx")


@pytest.mark.parametrize("word", COMMANDS)
def test_every_command_explains_itself(word: str) -> None:
    """`-h` on each: usage, a sentence, the options."""
    result = CliRunner().invoke(trunkline, [word, "-h"])
    assert result.exit_code == 0
    assert f"Usage: trunkline {word}" in result.output
    assert "Options:" in result.output


@pytest.mark.parametrize("argument", ["--version", "-h"])
def test_version_and_help_import_neither_trio_nor_plugins(argument: str) -> None:
    """They answer at once, and a broken plugin cannot break them."""
    code = (
        "import sys; from trunkline.cli import main\n"
        "try: main([sys.argv[1]])\n"
        "except SystemExit as exc: print(exc.code, *sorted(sys.modules))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, argument], capture_output=True, text=True, check=True
    ).stdout
    exit_code, *modules = out.splitlines()[-1].split()
    assert exit_code == "0"
    assert not [name for name in modules if name.split(".")[0] in HEAVY]
    ours = {name for name in modules if name.startswith("trunkline.")}
    door = {"trunkline.cli.door"} if argument == "-h" else set()
    first = {"trunkline.cli", "trunkline.cli.leaving", "trunkline.cli.signals"}
    assert ours == {*first, "trunkline.errors", *door}


Run = Callable[..., SimpleNamespace]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty directory; returns `returncode`, `stdout`, `stderr`."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments: str) -> SimpleNamespace:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code, stdout=out, stderr=err)

    return run_command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["tail"], "Missing argument 'TOPIC'"),
        (["tail", "no topic!"], "'no topic!' is no topic"),
        (["tail", "audit"], "say where to connect: --url URL, or --config FILE"),
        (["tail", "audit", "--token-env", "X"], "--token-env goes with --url"),
        (["tail", "audit", "--url", "http://x"], "a URL starts with ws:// or wss://"),
        (["tail", "audit", "--url", "ws://a b"], "no blanks"),
        (["tail", "audit", "--url", "wss://x/", "--token-env", "NOT_SET"], "NOT_SET is not set"),
        (["tail", "audit", "--url", "wss://x/", "--where", "a"], "write path=value"),
        (
            ["tail", "audit", "--url", "wss://x/", "--where", "n=1", "--where", "n=2"],
            "n is given twice",
        ),
        (["send", "{", "--url", "wss://x/"], "MESSAGE is not JSON"),
        (["simulate", "--port", "70000"], "70000 is not in the range"),
        (["simulate", "--port", "0", "--scenario", "nope"], "no scenario 'nope'"),
        (["simulate", "--fault", "nope"], "no fault 'nope'"),
        (["completion", "tcsh"], "is not one of"),
    ],
)
def test_wrong_usage_exits_2_and_names_the_mistake(
    arguments: list[str], words: str, run: Run
) -> None:
    """One line that helps, on stderr, and no traceback."""
    result = run(*arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_file_exits_78_with_every_mistake_and_starts_nothing(
    run: Run, tmp_path: Path
) -> None:
    """`check` and `run` say the same."""
    (tmp_path / "trunkline.toml").write_text(
        '[connection]\nurl = "http://x"\nconect_timeout = 3\n[host]\nstop_timeout = "soon"\n'
    )
    for command in ("check", "run"):
        result = run(command)
        assert result.returncode == 78
        lines = [line for line in result.stderr.splitlines() if line.startswith("trunkline.toml:")]
        assert [line.split(":")[1].split()[0] for line in lines[:3]] == ["2", "3", "5"]
        assert "did you mean `connect_timeout`" in result.stderr
        assert "Traceback" not in result.stderr


def test_a_missing_file_exits_78(run: Run, tmp_path: Path) -> None:
    """It says which file was looked for."""
    result = run("run", "nowhere.toml")
    assert result.returncode == 78
    assert "nowhere.toml" in result.stderr


def test_check_masks_secrets_and_lists_what_would_run(run: Run, tmp_path: Path) -> None:
    """`-v --json`: versions, plugins, the configuration with `***` for secrets."""
    import json

    (tmp_path / "token").write_text("canary-secret\n")
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "trunkline.toml").write_text(
        '[connection]\nurl = "wss://events.example/ws"\ntoken = { file = "token" }\n'
    )
    result = run("check", "-v", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["ok"]
    assert report["config"]["connection"]["token"] == "***"
    assert set(report["plugins"]) == {"flow", "approval", "activity", "system"}
    shown = run("check", "-v")
    assert "config.connection.url: wss://events.example/ws\n" in shown.stdout
    assert "config.connection.token: ***\n" in shown.stdout
    for each in (result, shown):
        assert "canary-secret" not in each.stdout + each.stderr


def test_a_required_plugin_that_is_missing_exits_3(run: Run, tmp_path: Path) -> None:
    """The host does not start without it."""
    (tmp_path / "trunkline.toml").write_text(
        '[connection]\nurl = "wss://events.example/ws"\n[plugins]\nrequire = ["flwo"]\n'
    )
    result = run("run")
    assert result.returncode == 3
    assert "flwo" in result.stderr


def test_an_unknown_name_to_disable_exits_2(run: Run, tmp_path: Path) -> None:
    """A typo would leave running what somebody meant to stop."""
    (tmp_path / "trunkline.toml").write_text('[connection]\nurl = "wss://events.example/ws"\n')
    result = run("check", "--disable", "flwo")
    assert result.returncode == 2
    assert "flow" in result.stderr


def test_plugins_lists_the_built_ins_without_a_file(run: Run, tmp_path: Path) -> None:
    """As a table and as JSON, by metadata alone; `--hooks` imports."""
    import json

    table = run("plugins")
    assert table.returncode == 0
    assert table.stdout.splitlines()[0].split()[:3] == ["NAME", "VERSION", "DISTRIBUTION"]
    rows = json.loads(run("plugins", "--json", "--hooks").stdout)
    built_ins = {row["name"]: row for row in rows if row["origin"] == "builtin"}
    assert set(built_ins) == {"flow", "approval", "activity", "system"}
    assert "register_topics" in built_ins["flow"]["hooks"]


def test_routes_shows_what_one_message_would_meet(run: Run, tmp_path: Path) -> None:
    """Topic and rule, filter verdicts, receivers."""
    import json

    (tmp_path / "trunkline.toml").write_text(
        '[connection]\nurl = "wss://events.example/ws"\n'
        '[[filter]]\ntopic = "flow_executions"\nwhere = { type = "agent_status" }\naction = "drop"\n'
    )
    message = tmp_path / "message.json"
    message.write_text('{"type":"agent_status","execution_id":"1","payload":{}}')
    way = json.loads(run("routes", "--message", str(message), "--json").stdout)
    assert way["topic"] == "flow_executions"
    assert [each["verdict"] for each in way["filters"]] == ["dropped"]
    assert way["receivers"] == []
    table = run("routes")
    assert "approvals" in table.stdout
    message.write_text("[]")
    assert run("routes", "--message", str(message)).returncode == 2


def test_status_without_a_host_says_how_to_start_one(run: Run, tmp_path: Path) -> None:
    """Exit 1, not a traceback."""
    (tmp_path / "trunkline.toml").write_text('[connection]\nurl = "wss://events.example/ws"\n')
    result = run("status")
    assert result.returncode == 1
    assert "start it: trunkline run trunkline.toml" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_its_variable(shell: str, run: Run) -> None:
    """The line turns on click's completion."""
    assert "_TRUNKLINE_COMPLETE" in run("completion", shell).stdout


def test_topics_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell offers the server's topics."""
    from click.shell_completion import ShellComplete

    completer = ShellComplete(trunkline, {}, "trunkline", "_TRUNKLINE_COMPLETE")
    offered = {item.value for item in completer.get_completions(["tail"], "a")}
    assert {"activity", "approvals", "audit"} <= offered


def test_plugins_are_completed_by_name_and_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are installed and those of the file; a file that is wrong hinders nobody."""
    from click.shell_completion import ShellComplete

    monkeypatch.chdir(tmp_path)
    (tmp_path / "flower.py").write_text("raise AssertionError('imported')")
    file = tmp_path / "trunkline.toml"
    completer = ShellComplete(trunkline, {}, "trunkline", "_TRUNKLINE_COMPLETE")

    def offered(prefix: str) -> set[str]:
        return {item.value for item in completer.get_completions(["run", "--disable"], prefix)}

    file.write_text('[connection]\nurl = "ws://x/"\n[plugins]\npaths = ["flower.py"]\n')
    assert offered("flow") == {"flow", "flower"}
    file.write_text("[plugins\n")
    assert offered("flow") == {"flow"}
    assert "trunkline" in offered("tr")
