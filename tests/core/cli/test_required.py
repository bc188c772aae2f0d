"""P10: exit 3 in each case in which a required plugin is not there; 78 where the file is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest
import trio
from processes import finish, process

from trunkline.cli import main
from trunkline.errors import RequiredPluginMissing, TrunklineError
from trunkline.host import Host

HEAD = "import attrs\nfrom trunkline import PluginInfo, hookimpl\n"
TOPIC = "@hookimpl\ndef trunkline_register_topics(topics):\n    topics.add({topic!r})\n"
GOOD = TOPIC.format(topic="things")
TABLE = "@attrs.frozen\nclass Table:\n    key: str\ntrunkline_plugin = PluginInfo(config=Table)\n"
#: {case: (the plugin `needed`, further lines of [plugins], words of the command line, what is said)}
CASES = {
    "missing": (None, "", (), "required plugin `needed` is not there"),
    "import": ("import not_there\n", "", (), "needed.py:3) failed to import: ModuleNotFoundError"),
    "exits": ("raise SystemExit(0)\n", "", (), "failed to import: SystemExit: 0"),
    "syntax": ("def (:\n", "", (), "needed.py:3) failed to import: SyntaxError"),
    "audit": ("@hookimpl\ndef trunkline_runs(ctx): ...\n", "", (), "did you mean `trunkline_run`"),
    "no hooks": ("", "", (), "implements no hook"),
    "configure": (TABLE + GOOD, "", (), "plugin.needed.key: this key is required"),
    "register": (GOOD.replace("things", "no topic"), "", (), "'no topic' is no topic"),
    "compile": (GOOD.replace("things", "taken"), "", (), "`needed` and by `rival`; disable one"),
    "requires": (
        "trunkline_plugin = PluginInfo(requires=('not_there',))\n" + GOOD,
        "",
        (),
        "it requires `not_there`, which is not loaded",
    ),
    "circle": (
        "trunkline_plugin = PluginInfo(after=('circular',))\n" + GOOD,
        "",
        (),
        "form a circle: circular -> needed -> circular",
    ),
    "disabled": (GOOD, 'disable = ["needed"]', (), "is disabled: by [plugins] disable"),
    "not enabled": (GOOD, "enable = []", (), "is disabled: not in [plugins] enable"),
    "switched off": (GOOD, "", ("--disable", "needed"), "is disabled: by --disable"),
}
RIVALS = {
    "compile": {"rival": TOPIC.format(topic="taken")},
    "circle": {"circular": "trunkline_plugin = PluginInfo(after=('needed',))\n" + GOOD},
}


def written(folder: Path, case: str) -> Path:
    """Write the plugins and the configuration of a case."""
    source, lines, _, _ = CASES[case]
    sources = {**RIVALS.get(case, {}), **({} if source is None else {"needed": source})}
    for name, text in sources.items():
        (folder / f"{name}.py").write_text(HEAD + text)
    file = folder / "trunkline.toml"
    paths = [f"{name}.py" for name in sources]
    file.write_text(
        f'[connection]\nurl = "ws://localhost/"\n[plugins]\nrequire = ["needed"]\npaths = {paths}\n{lines}\n'
    )
    return file


@pytest.mark.parametrize("case", CASES)
def test_p10_a_required_plugin_that_is_not_loaded_is_exit_3(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the reason, and it is said; `run` does not get further than `check`."""
    file = written(tmp_path, case)
    words, said = CASES[case][2:]

    with pytest.raises(SystemExit) as ended:
        main(["check", str(file), *words])

    assert ended.value.code == 3
    assert said in capsys.readouterr().err
    with pytest.raises(RequiredPluginMissing):
        Host.from_file(file, disable=words[1:])


@pytest.mark.parametrize("case", [*CASES])
def test_p06_safe_starts_in_each_of_these_cases(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the same file; what is left out is said."""
    file = written(tmp_path, case)

    with pytest.raises(SystemExit) as ended:
        main(["check", str(file), "--safe"])

    out, err = capsys.readouterr()
    assert ended.value.code == 0
    assert out == f"{file}: fine\n"
    is_there = CASES[case][0] is not None and not CASES[case][1].startswith("disable")
    assert ("warning: --safe leaves out the plugins" in err) == is_there


def test_p04_a_file_that_takes_the_name_of_a_built_in_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `check` too, although a plugin of that name runs."""
    (tmp_path / "flow.py").write_text(HEAD + GOOD)
    file = tmp_path / "trunkline.toml"
    file.write_text('[connection]\nurl = "ws://localhost/"\n[plugins]\npaths = ["flow.py"]\n')

    with pytest.raises(SystemExit):
        main(["check", str(file)])

    assert "warning: plugin flow (" in capsys.readouterr().err
    host = Host.from_file(file)
    assert [r.state.value for r in host.records if r.name == "flow"] == ["waiting", "failed"]


def test_a_thread_that_a_plugin_leaves_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Python would wait for it for ever, and Ctrl-C is of no use by then; its exit code stays."""
    thread = (
        "import threading\nthreading.Thread(target=threading.Event().wait, name='mine').start()\n"
    )
    (tmp_path / "busy.py").write_text(thread + HEAD + GOOD)
    file = tmp_path / "trunkline.toml"
    file.write_text('[connection]\nurl = "ws://localhost/"\n[plugins]\npaths = ["busy.py"]\n')
    soon = "from trunkline.cli import last_resort, main\nlast_resort.THREAD_GRACE = 0.1\n"

    done = subprocess.run(
        [sys.executable, "-c", f"{soon}main(['plugins', '--hooks', {str(file)!r}])"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.stderr == "trunkline: ended without waiting for the thread mine\n"
    assert done.returncode == 0


def test_p22_a_wrong_table_is_the_files_fault_though_its_plugin_is_required(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """78 and the line, not 3."""
    file = written(tmp_path, "configure")
    file.write_text(file.read_text() + "[plugin.needed]\nkey = 3\n")

    with pytest.raises(SystemExit) as ended:
        main(["check", str(file)])

    assert ended.value.code == 78
    assert "trunkline.toml:8 plugin.needed.key: expected a string, got 3" in capsys.readouterr().err
    with pytest.raises(TrunklineError):
        Host.from_file(file)


async def test_p10_a_required_plugin_that_gives_up_later_is_exit_3_too(tmp_path: Path) -> None:
    """The host stops in order and says which."""
    file = written(tmp_path, "register")
    (tmp_path / "needed.py").write_text(
        HEAD + "from trunkline.plugin_api import PluginFatal\n"
        "@hookimpl\nasync def trunkline_run(ctx):\n    raise PluginFatal('no licence')\n"
    )
    with trio.fail_after(30):
        async with process("run", str(file), env=None) as running:
            code, _, err = await finish(running)
    assert code == 3
    assert "plugin needed (" in err.splitlines()[-1]
    assert "has failed: no licence; stopped." in err.splitlines()[-1]
    # P18: who, from where
    started = [line for line in err.splitlines() if '"plugin.loaded"' in line]
    assert any('"plugin": "needed", "origin": "path", "source": "/' in line for line in started)
