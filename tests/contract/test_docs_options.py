"""Every option of the command line has an example on a page and a test, every setting, too (P27)."""

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
import click
import pytest
from doc_snippets import ROOT, snippets
from jsonschema import Draft202012Validator

from trunkline import Host, PluginInfo, load_config
from trunkline.cli import trunkline
from trunkline.config import config_schema, settings
from trunkline.plugin.states import PluginState

TESTS = ROOT / "tests"
EXAMPLE = ROOT / "docs" / "examples" / "trunkline.toml"
PRIVACY = "consent = lambda subject: True\nscrub = lambda record: record\n"
ENVIRON = {
    "TRUNKLINE_TOKEN": "demo-token",
    "EVENTS_DSN": "dbname=events",
    "HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "ROOM_URL": "https://chat.example/hooks/t0ken",
}
LINES = re.findall(
    r"^\$ (trunkline [^#\n]*)", "\n".join(snippets("console").values()), re.MULTILINE
)


def classes() -> Iterator[type]:
    """Yield every class of settings: the core's, the built-in plugins', and those within them."""
    found = [cls for name, cls in vars(settings).items() if name.endswith("Settings")]
    for entry in entry_points(group="trunkline.plugins"):
        if entry.value.startswith("trunkline_plugins."):
            info: PluginInfo[Any] = getattr(entry.load(), "trunkline_plugin", PluginInfo())
            found += [info.config] if info.config is not None else []
    for cls in found:  # which grows meanwhile
        yield cls
        for hint in get_type_hints(cls).values():
            inner = [each for item in get_args(hint) for each in (item, *get_args(item))]
            found += [each for each in inner if attrs.has(each) and each not in found]


SETTINGS = [*classes()]


def commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Option]]:
    """Yield every option with the command it belongs to, those of groups within groups, too."""
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield " ".join(words), parameter
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*words, name))


def distinct() -> dict[click.Option, list[str]]:
    """Return `{option: its commands}`; one that several commands share is there once."""
    found: dict[tuple[str, str | None], tuple[click.Option, list[str]]] = {}
    for word, option in commands(trunkline, ("trunkline",)):
        _, words = found.setdefault((option.opts[0], option.help), (option, []))
        words.append(word)
    return dict(found.values())


OPTIONS = distinct()


def names_of(option: click.Option) -> str:
    """Return a pattern of an option's names, and of those that switch it off."""
    names = "|".join(map(re.escape, (*option.opts, *option.secondary_opts)))
    return rf"(?<![\w-])(?:{names})(?![\w-])"


def ids(option: click.Option) -> str:
    """Name a test by the option and its first command."""
    return f"{OPTIONS[option][0]} {option.opts[0]}"


@pytest.mark.parametrize("option", OPTIONS, ids=ids)
def test_p27_every_option_has_an_example(option: click.Option) -> None:
    """A line that starts with its command, on some page; that it is understood is another test."""
    lines = [line for line in LINES if line.startswith(tuple(OPTIONS[option]))]
    assert [line for line in lines if re.search(names_of(option), line)]


@pytest.mark.parametrize("option", OPTIONS, ids=ids)
def test_p27_every_option_has_a_test(option: click.Option, test_code: str) -> None:
    """One that names it."""
    assert re.search(names_of(option), test_code)


@pytest.mark.parametrize("cls", SETTINGS, ids=lambda cls: cls.__name__)
def test_p27_every_setting_has_an_example_and_a_test(cls: Any, test_code: str) -> None:
    """It stands in the whole example, and some test or file of a corpus names it."""
    corpus = "\n".join(file.read_text(errors="replace") for file in TESTS.rglob("*.toml"))
    for field in attrs.fields(cls):
        assert re.search(rf"(\b{field.name} =|\.{field.name}\]\])", EXAMPLE.read_text()), field.name
        assert re.search(rf"\b{field.name}\b", test_code + corpus), field.name


def test_p27_the_whole_example_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host can be built from it, and its schema finds nothing."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "privacy.py").write_text(PRIVACY)
    (tmp_path / "audit.py").write_text((EXAMPLE.parent / "audit.py").read_text())
    file = tmp_path / "trunkline.toml"
    file.write_text(EXAMPLE.read_text())
    host = Host(load_config(file, environ=ENVIRON))
    assert [record.failure for record in host.records if record.state is PluginState.FAILED] == []
    assert host.warnings == ()
    schema = config_schema(host.loaded.settings)
    assert not [*Draft202012Validator(schema).iter_errors(tomllib.loads(file.read_text()))]


@pytest.fixture(scope="module")
def test_code() -> str:
    """All tests but this one, as text."""
    files = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    return "\n".join(path.read_text() for path in files)
