"""Writes `docs/_generated/` from the code: what is said twice here is said by the code alone.

    python docs/generate.py [--check]

The pages include these fragments; a contract test fails while one is stale. Fields are described
by the string that stands under them in their class, as everywhere in this project.
"""

import json
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import attrs
from generate_promises import limits, promises
from generate_surface import api, commands, hooks, members, paragraphs
from generate_tables import close_policy, metrics

from trunkline import plugin_api
from trunkline.config import field_docs, settings
from trunkline.config.secret import Secret
from trunkline.config.url import Endpoint
from trunkline.connection.protocol.topics import SERVER_TOPICS
from trunkline.connection.states import NEXT as CONNECTION_NEXT
from trunkline.plugin.states import NEXT as PLUGIN_NEXT

TARGET = Path(__file__).parent / "_generated"
UNLIMITED = 1e9  # what a `Range` without an upper limit says
TYPE_WORDS: Mapping[object, str] = {
    Endpoint: "URL",
    Path: "path",
    str: "text",
    bool: "true or false",
    int: "whole number",
    float: "number",
    Secret: "secret",
}
KEPT_ELSEWHERE = '`{ env = "NAME" }` or `{ file = "path" }`'


def fragments() -> dict[str, str]:
    """Return `{file name: text}` of everything that is generated."""
    parts = {
        "settings.md": _settings(),
        "plugin-settings.md": _plugin_settings(),
        "states.md": _states(CONNECTION_NEXT),
        "close-policy.md": close_policy(),
        "metrics.md": metrics(),
        "promises.md": promises(),
        "limits.md": limits(),
        "plugin-states.md": _states(PLUGIN_NEXT),
        "hooks.md": hooks(),
        "context.md": members(plugin_api.PluginContext, "ctx."),
        "api.md": api(),
        "commands.md": commands(),
        "server-topics.md": _server_topics(),
        "flow-events.md": _events("trunkline_plugins.flow", "FLOW_EVENTS"),
        "approval-events.md": _events("trunkline_plugins.approval", "APPROVAL_EVENTS"),
        "system-events.md": _events("trunkline_plugins.system", "SYSTEM_EVENTS"),
    }
    note = "<!-- written by docs/generate.py; change the code, not this -->\n\n"
    return {name: note + "\n".join(lines).strip() + "\n" for name, lines in parts.items()}


# settings


def _settings() -> Iterator[str]:
    for name, cls in vars(settings).items():
        if name.endswith("Settings"):
            table = f"[{name.removesuffix('Settings').lower()}]"
            yield from _table_of_settings(
                f"`[{table}]`" if table == "[filter]" else f"`{table}`", cls
            )


def _plugin_settings() -> Iterator[str]:
    for entry in sorted(entry_points(group="trunkline.plugins"), key=lambda each: each.name):
        if not entry.value.startswith("trunkline_plugins."):
            continue
        table = f"[plugin.{entry.name}]"
        info = getattr(entry.load(), "trunkline_plugin", None)
        if info is None or info.config is None:
            yield f"## `{table}`\n\nThis plugin has no settings.\n"
            continue
        yield from _table_of_settings(f"`{table}`", info.config)
        for field, cls in _nested(info.config):
            yield from _table_of_settings(_heading(entry.name, field, cls), cls)


def _heading(plugin: str, field: str, cls: type[Any]) -> str:
    """Return what an entry of a list is called: by its kind where there are several."""
    kind = attrs.fields_dict(cls).get("kind")
    if kind is None:
        return f"`[[plugin.{plugin}.{field}]]`"
    return f"`[plugin.{plugin}] {field}`: kind `{kind.default}`"


def _nested(cls: type[Any]) -> Iterator[tuple[str, type[Any]]]:
    """Yield the classes that the fields of a settings class hold, with the field's name."""
    for name, hint in get_type_hints(cls).items():
        for item in get_args(hint):
            yield from ((name, each) for each in (item, *get_args(item)) if attrs.has(each))


def _table_of_settings(heading: str, cls: type[Any]) -> Iterator[str]:
    yield f"## {heading}\n"
    first, *more = paragraphs(cls)
    about = first.partition("`: ")[2] if first.startswith("`") else first
    yield from (text[0].upper() + text[1:] + "\n" for text in (about, *more))
    yield "| setting | value | default | means |\n| --- | --- | --- | --- |"
    hints = get_type_hints(cls, include_extras=True)
    for field in attrs.fields(cls):
        cells = (
            f"`{field.name}`",
            _type(hints[field.name]),
            _default(field),
            _told(cls, field.name),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _told(cls: type[Any], field: str) -> str:
    """Return what stands under a field in its class; that nothing does is an error here."""
    docs = field_docs(cls)
    if field not in docs:
        raise LookupError(f"{cls.__qualname__}.{field} has no docstring")
    return " ".join(docs[field].split())


def _default(field: "attrs.Attribute[Any]") -> str:
    match field.default:
        case attrs.NOTHING:
            return "required"
        case None | ():
            return "none"
        case bool(value):
            return f"`{str(value).lower()}`"
        case str(value) | tuple(value):
            return f"`{json.dumps(value)}`"
        case float(value) | int(value):
            return f"`{value:,g}`" if value < 1000 else f"`{value}`"
        case value:
            return f"`{value}`"


def _type(hint: Any) -> str:
    """Return in words what a setting takes."""
    if get_origin(hint) is Annotated:
        base, note, *_ = get_args(hint)
        return _limits(note) if hasattr(note, "phrase") else _type(base)
    if get_origin(hint) is Literal:
        return " or ".join(f'`"{each}"`' for each in get_args(hint))
    if get_origin(hint) in {Union, types.UnionType}:
        inner = [each for each in get_args(hint) if each is not types.NoneType]
        if Secret in inner:
            return f"text, or {KEPT_ELSEWHERE}" if str in inner else KEPT_ELSEWHERE
        return " or ".join(dict.fromkeys(_type(each) for each in inner))
    if get_origin(hint) is tuple:
        return f"list of: {_type(get_args(hint)[0])}"
    if isinstance(get_origin(hint), type) and issubclass(get_origin(hint), Mapping):
        return "table"
    return TYPE_WORDS.get(hint, "table")


def _limits(note: Any) -> str:
    phrase: str = note.phrase
    if not hasattr(note, "least"):
        return phrase
    if note.most == UNLIMITED:
        return f"{phrase}, {note.least:g} or more"
    return f"{phrase}, {note.least:g} to {note.most:.10g}"


# states


def _states(following: Mapping[Any, Iterable[Any]]) -> Iterator[str]:
    """Draw a table of states: who may follow whom."""
    states = list(next(iter(following)).__class__)
    width = max(len(state.value) for state in states)
    yield "```text"
    for state in states:
        after = [each.value for each in states if each in following.get(state, ())]
        yield f"{state.value:<{width}} ──▶ {', '.join(after) or '(stays)'}"
    yield "```"


# events


def _events(module: str, table: str) -> Iterator[str]:
    yield "| type | class | means |\n| --- | --- | --- |"
    for kind, cls in getattr(import_module(module), table).items():
        yield f"| `{kind}` | `{cls.__name__}` | {paragraphs(cls)[0]} |"


def _server_topics() -> Iterator[str]:
    yield "| topic | its types, where a message does not name its topic |\n| --- | --- |"
    for name, topic in SERVER_TOPICS.items():
        kinds = [f"`{kind}`" for kind in sorted(topic.types)]
        kinds += [f"all that begin with `{topic.prefix}`"] if topic.prefix else []
        yield f"| `{name}` | {', '.join(kinds) or 'its messages always name it'} |"


def main() -> None:
    """Write every fragment; with `--check` write nothing, and name those that are stale."""
    texts = fragments()
    if "--check" in sys.argv:
        stale = [n for n, text in texts.items() if not _is_fresh(TARGET / n, text)]
        stale += [each.name for each in TARGET.glob("*.md") if each.name not in texts]
        sys.exit(f"run python docs/generate.py: stale {', '.join(stale)}" if stale else 0)
    TARGET.mkdir(exist_ok=True)
    for name, text in texts.items():
        (TARGET / name).write_text(text)


def _is_fresh(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    main()
