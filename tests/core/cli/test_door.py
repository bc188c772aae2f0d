"""Commands of plugins: listed from metadata, imported when called, lent a connection."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from importing import importable
from served import Served, serving

from trunkline.cli import main, trunkline
from trunkline.simulator import Simulator

Install = Callable[..., None]

PLUGIN = """
    import attrs
    from trunkline import PluginInfo, hookimpl

    @attrs.frozen
    class Table:
        greeting: str = "hello"

    trunkline_plugin = PluginInfo(config=Table)

    @hookimpl
    def trunkline_register_topics(topics): topics.add("acme")
"""
COMMAND = """
    import json
    import click, trio

    @click.group()
    def acme(): "Things of Acme."

    @acme.command()
    @click.argument("path")
    @click.pass_obj
    def ask(obj, path):
        async def run():
            async with obj.open() as ctx:
                answer = await ctx.request("GET", path)
                await ctx.barrier()
                told = [ctx.name, ctx.config.greeting, answer.status, answer.data]
                click.echo(json.dumps(told))
        trio.run(run)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution, metadata and all; what is imported of it is forgotten afterwards."""

    def add(
        dist: str, command: str = COMMAND, *, word: str = "acme", attribute: str = "acme"
    ) -> None:
        package = dist.replace("-", "_")
        (site / package).mkdir()
        (site / package / "__init__.py").write_text(dedent(PLUGIN))
        (site / package / "commands.py").write_text(dedent(command))
        info = site / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[trunkline.commands]\n{word} = {package}.commands:{attribute}\n"
            f"[trunkline.plugins]\n{package} = {package}\n"
        )

    with importable(tmp_path, monkeypatch) as site:
        yield add


EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "whoami.py"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(seed=1) as found:
        yield found


def test_a_command_is_listed_from_metadata_and_imported_when_called(install: Install) -> None:
    install("acme-audit")
    told = CliRunner().invoke(trunkline, ["-h"]).output
    assert "acme" in told
    assert "(of acme-audit)" in told
    words = ShellComplete(trunkline, {}, "trunkline", "_X").get_completions([], "ac")
    assert [word.value for word in words] == ["acme"]
    assert "acme_audit.commands" not in sys.modules

    assert "Things of Acme." in CliRunner().invoke(trunkline, ["acme", "-h"]).output
    options = ShellComplete(trunkline, {}, "trunkline", "_X").get_completions(["acme", "ask"], "--")
    assert {"--config", "--url", "--token-env"} <= {option.value for option in options}
    assert "acme_audit.commands" in sys.modules


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_command_is_lent_a_connection_by_url(
    install: Install, served: Served, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The options may stand at any level; the plugin's own settings are the defaults."""
    install("acme-audit")
    monkeypatch.setenv("TOKEN", "demo-token")
    options = ["--url", served.url, "--token-env", "TOKEN"]
    words = ["ask", "/api/v1/auth/users/me"]
    arguments = ["acme", *options, *words] if place == "before" else ["acme", *words, *options]
    result = CliRunner().invoke(trunkline, arguments)
    assert result.exit_code == 0, result.output
    name, greeting, status, data = json.loads(result.stdout)
    assert (name, greeting, status) == ("acme_audit", "hello", 200)
    assert data["username"] == "alice"


def test_a_command_is_lent_a_connection_by_the_file(
    install: Install, served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With its plugin's own table, and nobody's visit is recorded."""
    install("acme-audit")
    monkeypatch.setenv("TOKEN", "demo-token")
    file = tmp_path / "trunkline.toml"
    file.write_text(
        f'[connection]\nurl = "{served.url}"\ntoken = {{ env = "TOKEN" }}\n'
        '[plugins]\nrequire = ["acme-audit"]\n[plugin.acme_audit]\ngreeting = "hi"\n'
    )
    served.do(lambda simulator: simulator.world.activity.clear())
    result = CliRunner().invoke(trunkline, ["acme", "ask", "/api/v1/health", "--config", str(file)])
    assert json.loads(result.stdout) == ["acme_audit", "hi", 200, {"status": "healthy"}]

    def visits(simulator: Simulator) -> int:
        return len(simulator.world.activity)

    assert served.do(visits) == 0


WRONG = {
    "disabled": ('[plugins]\ndisable = ["acme_audit"]', 1, "disabled by [plugins] disable"),
    "bad table": ("[plugin.acme_audit]\ngreeting = 7", 78, "trunkline.toml:4"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_does_not_fit_is_told(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    more, code, words = WRONG[case]
    install("acme-audit")
    file = tmp_path / "trunkline.toml"
    file.write_text(f'[connection]\nurl = "ws://localhost:1"\n{more}\n')
    with pytest.raises(SystemExit) as left:
        main(["acme", "ask", "/x", "--config", str(file)])
    assert left.value.code == code
    assert words in capsys.readouterr().err


def test_without_a_server_named_it_says_what_to_name(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme-audit")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(trunkline, ["acme", "ask", "/x"])
    assert (result.exit_code, "--url URL, or --config FILE" in result.output) == (2, True)


BROKEN = {
    "cannot be imported": ("import not_there", "No module named 'not_there'"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "lacks the name": ("", "has no attribute 'acme'"),
    "is no command": ("acme = 7", "is no click.Command"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_command_costs_nothing_but_itself(
    install: Install, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    """Named with its distribution; every other word works on."""
    source, words = BROKEN[case]
    install("acme-audit", source)
    with pytest.raises(SystemExit) as left:
        main(["acme"])
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert "`acme` (acme-audit; acme_audit.commands:acme)" in said
    assert words in said
    assert "acme" in CliRunner().invoke(trunkline, ["-h"]).output
    assert CliRunner().invoke(trunkline, ["completion", "bash"]).exit_code == 0


def test_our_words_cannot_be_taken(install: Install) -> None:
    """By nobody: what is offered under one of them is not even listed."""
    install("acme-run", word="run")
    install("acme-flows", word="flows")
    told = CliRunner().invoke(trunkline, ["-h"]).output
    assert "acme-run" not in told
    assert "acme-flows" not in told
    assert "Run the host with" in CliRunner().invoke(trunkline, ["run", "-h"]).output
    assert not [name for name in sys.modules if name.startswith("acme")]


def test_a_word_of_two_distributions_is_nobodys(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install("acme-one")
    install("acme-two")
    with pytest.raises(SystemExit):
        main(["acme"])
    assert "offered by `acme-one` and `acme-two`" in capsys.readouterr().err


def test_an_option_of_the_commands_own_is_left_alone(install: Install) -> None:
    """And looking twice adds ours once."""
    own = 'import click\n@click.command()\n@click.option("--url", help="Mine.")\ndef acme(url): click.echo(url)\n'
    install("acme-audit", own)
    for _ in range(2):
        result = CliRunner().invoke(trunkline, ["acme", "--url", "my-own"])
        assert result.output == "my-own\n"
    parent = click.Context(trunkline)
    command = trunkline.get_command(parent, "acme")
    assert command is not None
    assert sorted(name for each in command.params for name in each.opts) == [
        "--config",
        "--token-env",
        "--url",
    ]


@pytest.mark.parametrize(("token", "code", "said"), [("demo-token", 0, "alice"), ("x", 1, "401")])
def test_the_example_of_the_docs_does_what_it_says(
    install: Install,
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    token: str,
    code: int,
    said: str,
) -> None:
    """Who the token stands for; without a good one, what the server says, and exit 1."""
    install("acme-who", EXAMPLE.read_text(), word="whoami", attribute="whoami")
    monkeypatch.setenv("TOKEN", token)
    with pytest.raises(SystemExit) as left:
        main(["whoami", "--url", served.url, "--token-env", "TOKEN"])
    told = capsys.readouterr()
    assert left.value.code == code
    assert said in told.out + told.err
    assert "Traceback" not in told.err
