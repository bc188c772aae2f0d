"""Questions about an annotation: what sort of field type it is, and what it is made of."""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args
from typing import get_origin as _get_origin

import attrs

#: What an annotation holds: a class, or what `typing` makes of `tuple[str, ...]`.
Kind = Any

T = TypeVar("T")


def get_origin(kind: Kind) -> Kind:
    """Return what an annotation is made from; the stub's answer leaves out `Literal` and unions."""
    return _get_origin(kind)


def is_kind(wanted: Kind) -> Callable[[Kind], bool]:
    """Return a test for exactly this annotation."""
    return lambda kind: bool(kind == wanted)


def has_note(note: type) -> Callable[[Kind], bool]:
    """Return a test for `Annotated[..., note]`."""
    return lambda kind: (
        get_origin(kind) is Annotated and any(isinstance(each, note) for each in get_args(kind)[1:])
    )


def note_of(kind: Kind, note: type[T]) -> T:
    """Return the note of a type that `has_note`."""
    return next(each for each in get_args(kind)[1:] if isinstance(each, note))


def is_choice(kind: Kind) -> bool:
    """Tell whether it is a `Literal` or an enum."""
    return get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum))


def choices(kind: Kind) -> list[tuple[object, object]]:
    """Return what a choice is called in a table, each with what it becomes."""
    if get_origin(kind) is Literal:
        return [(choice, choice) for choice in get_args(kind)]
    return [(member.value, member) for member in kind]


def is_list(kind: Kind) -> bool:
    """Tell whether it is `tuple[T, ...]`."""
    return get_origin(kind) is tuple and get_args(kind)[1:] == (...,)


def is_mapping(kind: Kind) -> bool:
    """Tell whether it is `Mapping[str, T]`."""
    return get_origin(kind) is Mapping and get_args(kind)[0] is str


def item_kind(kind: Kind) -> Kind:
    """Return T of `tuple[T, ...]` and of `Mapping[str, T]`."""
    return get_args(kind)[0 if is_list(kind) else 1]


def is_optional(kind: Kind) -> bool:
    """Tell whether it is `T | None`."""
    return get_origin(kind) in {Union, UnionType} and NoneType in get_args(kind)


def without_none(kind: Kind) -> Kind:
    """Return T of `T | None`."""
    return Union[tuple(each for each in get_args(kind) if each is not NoneType)]  # noqa: UP007 - made at run time


def is_one_of_classes(kind: Kind) -> bool:
    """Tell whether it is a union of attrs classes told apart by `kind`."""
    return get_origin(kind) in {Union, UnionType} and all(
        attrs.has(each) and names_of(each) for each in get_args(kind)
    )


def classes_by_name(kind: Kind) -> dict[str, type]:
    """Return the classes of such a union by the value of `kind` that each answers to."""
    return {name: each for each in get_args(kind) for name in names_of(each)}


def classes_within(kind: Kind) -> Iterator[type[Any]]:
    """Yield every attrs class that a type is made of, itself included."""
    if isinstance(kind, type) and attrs.has(kind):
        yield kind
        for field in attrs.fields(attrs.resolve_types(kind)):
            yield from classes_within(field.type)
    for part in get_args(kind):
        yield from classes_within(part)


def names_of(cls: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    """Return the values of `kind: Literal[...]` that a class answers to."""
    field = attrs.fields_dict(attrs.resolve_types(cls)).get("kind")
    return get_args(field.type) if field is not None and get_origin(field.type) is Literal else ()
