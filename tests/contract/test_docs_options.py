"""Every option of the command line has an example on a page and a test, every setting, too (P27)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import click
import pytest
from doc_snippets import ROOT, snippets

from trunkline.cli import trunkline
from trunkline.config import settings

TESTS = ROOT / "tests"
LINES = re.findall(
    r"^\$ (trunkline [^#\n]*)", "\n".join(snippets("console").values()), re.MULTILINE
)
SETTINGS = [cls for name, cls in vars(settings).items() if name.endswith("Settings")]


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


@pytest.mark.parametrize("cls", SETTINGS)
def test_p27_every_setting_has_an_example_and_a_test(cls: Any, test_code: str) -> None:
    """A configuration on a page, or of the corpus that `check` and `run` agree on."""
    files = TESTS.rglob("*.toml")
    corpus = "\n".join(file.read_text(errors="replace") for file in files)  # some are broken
    examples = "\n".join(snippets("toml").values()) + corpus
    for field in attrs.fields(cls):
        assert re.search(rf"\b{field.name} *=", examples), f"{field.name} has no example"
        assert re.search(rf"\b{field.name}\b", test_code + corpus), f"{field.name} has no test"


@pytest.fixture(scope="module")
def test_code() -> str:
    """All tests but this one, as text."""
    files = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__))
    return "\n".join(path.read_text() for path in files)
