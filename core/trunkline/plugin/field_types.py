"""Pure: whether a plugin's config class asks only for what a table can hold (P11, P19).

A type that is not listed here would be met by a converter that guesses.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs

from trunkline.config import Range, Secret
from trunkline.plugin.places import place_in

_PLAIN = (str, int, float, bool, Path, Secret, str | Secret)
KNOWN = (
    "str, int, float, bool, Seconds, Path, Secret, str | Secret, Literal, enums, tuple[T, ...], "
    "Mapping[str, T], T | None, attrs classes, and unions of those told apart by `kind`"
)
#: {what authors write: what is meant}
_MEANT = {
    **dict.fromkeys((list, set, frozenset), "`tuple[T, ...]`"),
    dict: "`Mapping[str, T]`",
}


def field_problems(cls: type, within: tuple[type, ...] = ()) -> Iterator[str]:
    """Yield what is wrong with the fields of an attrs class, and of those within it.

    `within` are the classes that hold this one.
    """
    try:
        attrs.resolve_types(cls)
    except NameError as exc:
        text = f"`{cls.__name__}`: its field types cannot be found at run time: {exc}"
        yield f"{place_in(cls)} {text}".lstrip()
        return
    inner: dict[type, None] = {}  # each once, in order
    for field in attrs.fields(cls):
        if field.init:
            inner |= dict.fromkeys(_classes_in(field.type))
            if text := _type_problem(field.type, (*within, cls)):
                name = f"`{cls.__name__}.{field.name}`"
                yield f"{place_in(cls, field.name)} {name}: {text}".lstrip()
    for each in inner:
        if each not in (*within, cls):
            yield from field_problems(each, (*within, cls))


def _type_problem(kind: Any, within: tuple[type, ...]) -> str:
    """Return why no table can hold such a field, or nothing."""
    if not _is_known(kind):
        shown = str(kind) if get_args(kind) else getattr(kind, "__name__", str(kind))
        return f"no table holds `{shown}`; use {_MEANT.get(get_origin(kind) or kind, KNOWN)}"
    if any(each in within for each in _classes_in(kind)):
        return "the class would hold itself, and its table have no end"
    return ""


def _classes_in(kind: Any) -> Iterator[type]:
    """Yield the attrs classes that an annotation names."""
    if isinstance(kind, type) and attrs.has(kind):
        yield kind
    for argument in get_args(kind):
        yield from _classes_in(argument)


def _is_known(kind: Any) -> bool:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind in _PLAIN or origin is Literal:
        return True
    if origin is Annotated:
        return any(isinstance(note, Range) for note in arguments[1:])
    if origin is tuple:
        return arguments[1:] == (...,) and _is_known(arguments[0])
    if origin is Mapping:
        return arguments[0] is str and (arguments[1] is Any or _is_known(arguments[1]))
    if origin in {Union, UnionType}:
        return _is_known_union([each for each in arguments if each is not NoneType])
    return isinstance(kind, type) and (issubclass(kind, Enum) or attrs.has(kind))


def _is_known_union(kinds: list[Any]) -> bool:
    """Tell whether it is one kind, which may be None, or classes told apart by `kind`."""
    if len(kinds) == 1 or set(kinds) == {str, Secret}:
        return all(_is_known(kind) for kind in kinds)
    return all(
        attrs.has(kind)
        and get_origin(getattr(attrs.fields_dict(kind).get("kind"), "type", None)) is Literal
        for kind in kinds
    )
