"""What a plugin author or a program calls, and what a person types, as Markdown for the pages.

Names and defaults come from the signatures, sentences from the docstrings.
"""

import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

import attrs
import click

import trunkline
from trunkline import hookspecs, plugin_api
from trunkline.cli import COMMANDS
from trunkline.cli import trunkline as command_line

BUILTIN_COMMANDS = sorted(
    entry.name
    for entry in entry_points(group="trunkline.commands")
    if entry.value.startswith("trunkline_plugins.")
)
REGISTRARS = ("Topics", "Classifiers", "Filters", "Sinks", "Subscriptions")
#: {class: what only the host calls}
HOUSEKEEPING: Mapping[str, frozenset[str]] = {
    "Connection": frozenset({"__init__", "run", "drain", "stop", "wait_ended"}),
    "Tracker": frozenset({"attach", "detach", "take", "close", "session_hello"}),
    "Config": frozenset({"problem"}),
}


def hooks() -> Iterator[str]:
    """Describe every hook with the registrar it is given, and a plugin that uses it."""
    for name, hook in vars(hookspecs).items():
        if name.startswith("trunkline_"):
            arguments = ", ".join(inspect.signature(hook).parameters)
            prefix = "async " if inspect.iscoroutinefunction(hook) else ""
            yield f"## `{prefix}{name}({arguments})`\n"
            yield from described(hook)
            registrar = name.removeprefix("trunkline_register_")
            if registrar.title() in REGISTRARS:
                cls = getattr(plugin_api, registrar.title())
                yield from members(cls, f"{registrar}.")
            example = f"examples/hooks/{name.removeprefix('trunkline_')}.py"
            yield f"```{{literalinclude}} {example}\n:language: python\n```\n"


def api() -> Iterator[str]:
    """Describe every name of `trunkline.__all__`."""
    for name in trunkline.__all__:
        thing = getattr(trunkline, name)
        yield f"## `trunkline.{name}`\n"
        if inspect.isclass(thing):
            yield from described(thing)
            yield from _values(thing)
            yield from members(thing, ".")
        elif inspect.isfunction(thing):
            yield from _definition(name, thing)
        else:
            yield "The marker of an implementation of a hook: `@hookimpl`.\n"


def _values(cls: type[Any]) -> Iterator[str]:
    """List what a class holds: the values of an enumeration, the public fields of a record."""
    if hasattr(cls, "__members__"):
        yield ", ".join(f"`{name}`" for name in cls.__members__) + "\n"
    elif attrs.has(cls):
        names = [field.name for field in attrs.fields(cls) if not field.name.startswith("_")]
        yield "Fields: " + ", ".join(f"`{name}`" for name in names) + "\n"


def members(cls: type[Any], prefix: str) -> Iterator[str]:
    """Describe the public methods and properties that a class has of its own."""
    for name, member in vars(cls).items():
        if not (member.__doc__ and (isinstance(member, property) or inspect.isfunction(member))):
            continue
        if name in HOUSEKEEPING.get(cls.__name__, ()):
            continue
        if name == "__init__" and not attrs.has(cls):
            yield from _definition(cls.__name__, member)
        elif not name.startswith("_"):
            yield from _definition(f"{prefix}{name}", member)


def _definition(name: str, thing: Any) -> Iterator[str]:
    """Show how something is called, without types, and what it does."""
    arguments = ""
    if inspect.isfunction(thing):
        parameters = [
            each.replace(annotation=each.empty)
            for key, each in inspect.signature(thing).parameters.items()
            if key not in {"self", "task_status"}
        ]
        arguments = str(inspect.Signature(parameters)).replace("<built-in function time>", "time")
        name = f"await {name}" if inspect.iscoroutinefunction(thing) else name
    yield f"`{name}{arguments}`\n: " + "\n\n  ".join(paragraphs(thing)) + "\n"


def commands() -> Iterator[str]:
    """Describe every command with its options, in the order of `trunkline -h`.

    Those of the built-in plugins come last; what else is installed here is nobody's business.
    """
    ctx = click.Context(command_line)
    for name in (*COMMANDS, *BUILTIN_COMMANDS):
        command = command_line.get_command(ctx, name)
        assert command is not None  # noqa: S101 - it is in the table, or ours
        usage = command.get_usage(click.Context(command, info_name=f"trunkline {name}"))
        yield f"## `{name}`\n\n```text\n{usage.removeprefix('Usage: ')}\n```\n"
        yield from _command(command)
        for word, inner in getattr(command, "commands", {}).items():
            told, *more = inspect.cleandoc(inner.help or "").split("\n\n")
            yield f"`{name} {word}`\n: {' '.join(told.split())}\n"
            yield from _texts(more)
            yield from _options(inner)


def _command(command: click.Command) -> Iterator[str]:
    yield from _texts(inspect.cleandoc(command.help or "").split("\n\n"))
    yield from _options(command)


def _texts(parts: Iterable[str]) -> Iterator[str]:
    """Yield paragraphs; those that click prints as they are become lines of a terminal."""
    for part in parts:
        if part.startswith("\b"):
            lines = "\n".join(f"$ {line}" for line in part.strip("\b\n").splitlines())
            yield f"```console\n{lines}\n```\n"
        else:
            yield " ".join(part.split()) + "\n"


def _options(command: click.Command) -> Iterator[str]:
    options = [each for each in command.params if isinstance(each, click.Option)]
    records = [option.get_help_record(click.Context(command)) for option in options]
    rows = [record for record in records if record is not None]
    if rows:
        yield "| option | means |\n| --- | --- |"
        for names, text in rows:
            cells = (f"`{names}`", text)
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""


def described(thing: object) -> Iterator[str]:
    """Yield what a docstring says, a paragraph at a time."""
    yield from (text + "\n" for text in paragraphs(thing))


def paragraphs(thing: object) -> list[str]:
    """Return a docstring's paragraphs as Markdown."""
    text = inspect.cleandoc(getattr(thing, "__doc__", None) or "")  # its own, not its base's
    head, _, raised = text.partition("\nRaises:\n")
    paragraphs = [" ".join(part.split()) for part in head.split("\n\n") if part.strip()]
    for line in textwrap.dedent(raised).strip().splitlines():
        error, _, when = line.partition(": ")
        paragraphs.append(f"Raises `{error}`: {when}")
    return paragraphs
