"""What a plugin author or a program calls, and what a person types, as Markdown for the pages.

Names and defaults come from the signatures, sentences from the docstrings.
"""

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import click

import trunkline
from trunkline import hookspecs, plugin_api
from trunkline.cli import COMMANDS
from trunkline.cli import trunkline as command_line

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
    """Describe every command with its options, in the order of `trunkline -h`."""
    for name in COMMANDS:
        ctx = click.Context(command_line)
        command = command_line.get_command(ctx, name)
        assert command is not None  # noqa: S101 - it is in the table
        usage = command.get_usage(click.Context(command, info_name=f"trunkline {name}"))
        yield f"## `{name}`\n\n```text\n{usage.removeprefix('Usage: ')}\n```\n"
        help_text = inspect.cleandoc(command.help or "")
        for part in help_text.split("\n\n"):
            is_literal = part.startswith("\b")
            text = part.lstrip("\b\n")
            yield f"```console\n$ {text}\n```\n" if is_literal else " ".join(text.split()) + "\n"
        yield from _options(command)
        for word, inner in getattr(command, "commands", {}).items():
            told = " ".join(inspect.cleandoc(inner.help or "").split())
            yield f"`{name} {word}`\n: {told}\n"
            yield from _options(inner)


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
