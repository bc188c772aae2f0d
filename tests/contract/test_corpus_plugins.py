"""C72 to C81: broken and reckless plugins, by file and by distribution, through whole commands."""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from host_bench import plugin, running
from importing import importable
from plugin_files import HEAD, Site

from trunkline.cli import main

GOOD = "@hookimpl\ndef trunkline_register_topics(topics):\n    topics.add('things')\n"


@attrs.frozen
class Case:
    """One plugin, called `bad`, and what `check` says of it."""

    number: int
    letter: str
    source: str
    said: str
    requires: str = ""
    """For one that is installed: its range for this program."""

    @property
    def name(self) -> str:
        return f"c{self.number}{self.letter}"


CASES = [
    Case(72, "a", "import not_there", "failed to import: ModuleNotFoundError"),
    Case(72, "b", "def (:", "bad.py:3) failed to import: SyntaxError"),
    Case(72, "c", "hookimpl.gone", "failed to import: AttributeError"),
    Case(73, "a", "raise SystemExit", "failed to import: SystemExit"),
    Case(73, "b", "import sys; sys.exit('bye')", "failed to import: SystemExit: bye"),
    Case(
        75,
        "a",
        GOOD.replace("topics(", "topic("),
        "bad.py:3 trunkline_register_topic: there is no hook `trunkline_register_topic`;"
        " did you mean `trunkline_register_topics`",
    ),
    Case(
        75,
        "b",
        GOOD.replace("(topics)", "(topics, confg)"),
        "no argument `confg`; did you mean `config`?"
        " (the hook is `trunkline_register_topics(topics, config)`)",
    ),
    Case(75, "c", "@hookimpl\ndef trunkline_run(ctx): ...", "trunkline_run: must be `async def`"),
    Case(76, "a", GOOD, "it needs `trunkline>=99`, and this is trunkline", ">=99"),
    Case(76, "b", GOOD, "it needs `trunkline<0.1`, and this is trunkline", "<0.1"),
]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A place to install into; what is imported from it is forgotten."""
    with importable(tmp_path, monkeypatch) as folder:
        yield Site(folder)


def checked(folder: Path, plugins: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """Let `check` judge a file with these lines in `[plugins]`; return exit code and report."""
    file = folder / "trunkline.toml"
    file.write_text(f'[connection]\nurl = "ws://localhost/"\n[plugins]\n{plugins}\n')
    with pytest.raises(SystemExit) as ended:
        main(["check", "--json", str(file)])
    return int(str(ended.value.code or 0)), json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_c72_to_c76_a_broken_plugin_is_named_and_ends_the_host_only_if_required(
    case: Case, tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """`failed` with its reason, and a good one beside it is not; in `require` it is exit 3."""
    (tmp_path / "good.py").write_text(HEAD + GOOD.replace("things", "others"))
    paths = ["good.py"]
    if case.requires:
        site.install("acme", {"bad": HEAD + case.source}, requires=[f"trunkline{case.requires}"])
    else:
        (tmp_path / "bad.py").write_text(HEAD + case.source)
        paths.append("bad.py")

    code, report = checked(tmp_path, f"paths = {paths}", capsys)
    assert (code, [*report["failed"]]) == (0, ["bad"])
    assert case.said in report["failed"]["bad"]

    code, report = checked(tmp_path, f"paths = {paths}\nrequire = ['bad']", capsys)
    assert code == 3
    assert case.said in report["problems"][0]["cause"]


def test_c74_an_import_without_end_is_announced_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It cannot be cut short, so the last line of the log must say where it hangs."""
    (tmp_path / "bad.py").write_text(
        HEAD + "import logging\nlogging.getLogger('trunkline').debug('hangs here')\n" + GOOD
    )
    with caplog.at_level(logging.DEBUG, "trunkline"):
        checked(tmp_path, "paths = ['bad.py']", capsys)

    told = [record for record in caplog.records if record.name.startswith("trunkline")]
    names = [record.getMessage() for record in told]
    before = told[names.index("hangs here") - 1]
    assert (before.getMessage(), vars(before)["plugin"]) == ("plugin.import", "bad")


def test_c77_of_two_plugins_of_one_name_neither_loads(
    tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both distributions are named; switching one off by its name settles it."""
    for dist in ("acme-one", "acme-two"):
        site.install(dist, {"bad": HEAD + GOOD})
    named = "there are two plugins `bad`, from acme-one and acme-two"

    code, report = checked(tmp_path, "", capsys)
    assert (code, [*report["failed"]]) == (0, ["bad"])
    assert all(named in line for line in report["warnings"] if "bad" in line)
    code, report = checked(tmp_path, "require = ['bad']", capsys)
    assert code == 3
    assert named in report["problems"][0]["cause"]
    code, report = checked(tmp_path, "require = ['bad']\ndisable = ['acme-one']", capsys)
    assert (code, report["failed"]) == (0, {})


@pytest.mark.parametrize("name", ["../x", "x" * 300, "CON", "a\u202eb"])
def test_c78_a_name_that_is_none_is_refused_unimported(
    name: str, tmp_path: Path, site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of an entry point: `failed`, shown so that no terminal obeys it."""
    mark = tmp_path / "imported"
    site.install("acme", {name: f"open({str(mark)!r}, 'w').close()"})

    code, report = checked(tmp_path, "", capsys)

    assert code == 0
    [said] = report["failed"].values()
    assert "is no plugin name: a-z, then up to 63 of a-z, 0-9 and _" in said
    assert not mark.exists()


def test_c78_a_file_whose_name_is_none_is_the_configurations_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was named there: 78, and the way out."""
    (tmp_path / "My-Plugin.py").write_text("raise AssertionError('imported')")

    code, report = checked(tmp_path, "paths = ['My-Plugin.py']", capsys)

    assert code == 78
    assert (
        "has no name for a plugin; rename it, or put a _ in front" in report["problems"][0]["cause"]
    )


RECKLESS = """
errors = {}

@hookimpl
def trunkline_register_topics(topics):
    topics.add("mine")

@hookimpl
async def trunkline_run(ctx):
    def attempt(name, function, *arguments):
        try:
            function(*arguments)
        except Exception as exc:
            errors[name] = f"{type(exc).__name__}: {exc}"
    attempt("79a", ctx.publish, "approvals", "x", {})
    attempt("79b", ctx.publish, "mine", "x", {"text": "x" * 10_485_760})
    for name, message in (("80a", {"type": "x", "what": object()}), ("80b", {"text": "x" * 2_000_000})):
        try:
            await ctx.send(message)
        except Exception as exc:
            errors[name] = f"{type(exc).__name__}: {exc}"
    for number in range(100_000):
        ctx.tracker.track_action("loop", {"n": number})
    ctx.started()
    await trio.sleep_forever()
"""


async def test_c79_to_c81_what_is_too_much_is_refused_where_it_is_done(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """That call raises, or is counted; the link is the one it was, and a neighbour gets all."""
    bad = plugin(tmp_path, "reckless", RECKLESS)
    seen: list[int] = []
    tables = {"plugins": {"paths": [bad]}, "plugin": {"activity": {"upstream": False}}}
    async with running(tables) as (host, simulator):
        await host.connection.wait_connected()
        host.router.subscribe("audit", lambda event: seen.append(event.data["n"]))
        for number in range(100):
            simulator.push({"topic": "audit", "type": "audit_event", "n": number})
        await host.connection.barrier()
        errors: Mapping[str, str] = sys.modules["trunkline_local.reckless"].errors
        assert {name: said.partition(":")[0] for name, said in errors.items()} == {
            "79a": "PluginError",
            "79b": "PluginError",
            "80a": "ValueError",
            "80b": "ValueError",
        }
        assert "does not own topic `approvals`" in errors["79a"]
        assert "bytes; at most" in errors["79b"]
        refused = host.tracker.refused
        assert sum(refused.values()) > 0
        assert sum(refused.values()) < 100_000
        assert host.connection.status.epoch == 1
        assert {record.name: record.state.value for record in host.records}["reckless"] == "running"
    assert seen == list(range(100))
