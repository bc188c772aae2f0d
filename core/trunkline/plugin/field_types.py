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

_PLAIN = (str, int, float, bool, Path, Secret)
KNOWN = (
    "str, int, float, bool, Seconds, Path, Secret, Literal, enums, tuple[T, ...], "
    "Mapping[str, T], T | None, attrs classes, and unions of those told apart by `kind`"
)


def field_problems(cls: type) -> Iterator[str]:
    """Yield what is wrong with the fields of an attrs class, and of those within it."""
    try:
        attrs.resolve_types(cls)
    except NameError as exc:
        yield f"`{cls.__name__}`: its field types cannot be found at run time: {exc}"
        return
    for field in attrs.fields(cls):
        if field.init and not _is_known(field.type):
            kind = getattr(field.type, "__name__", str(field.type))
            yield f"`{cls.__name__}.{field.name}`: no table holds `{kind}`; use {KNOWN}"


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
    if isinstance(kind, type) and issubclass(kind, Enum):
        return True
    return isinstance(kind, type) and attrs.has(kind) and not any(field_problems(kind))


def _is_known_union(kinds: list[Any]) -> bool:
    """Tell whether it is one kind, which may be None, or classes told apart by `kind`."""
    if len(kinds) == 1:
        return _is_known(kinds[0])
    return all(
        attrs.has(kind)
        and get_origin(getattr(attrs.fields_dict(kind).get("kind"), "type", None)) is Literal
        and _is_known(kind)
        for kind in kinds
    )
