"""The bounded copy of what a caller gave, made in the call itself; pure (activity A4).

What is kept: JSON's types, `datetime`, `UUID`, `Decimal`, `Enum`. Anything else becomes its
class's name: never `str()` of a foreign object, whose text may hold secrets. Nothing here looks
at what the text says; that is the business of the stages, in another thread.
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

VALUES = 1024  # in one copy, at all depths
TEXT = 64 * 1024  # characters of keys and texts together
DEPTH = 8
_FLAT = frozenset({int, float, bool, type(None)})
_VALUE_BYTES = 16  # what a number counts in the inbox


def copied(given: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return a copy that later changes do not reach, and about how many bytes it holds."""
    if given.__class__ is dict:
        copy = dict(given)  # one step, so that another thread may go on changing the original
        try:
            size = len("".join(copy))
        except TypeError:  # a key that is no text
            return _Copier().whole(copy)
        for value in copy.values():
            kind = value.__class__
            if kind is str:
                size += len(value)
            elif kind not in _FLAT:
                return _Copier().whole(copy)
        if len(copy) <= VALUES and size <= TEXT:
            return copy, size + len(copy) * _VALUE_BYTES
    return _Copier().whole(given)


class _Copier:
    """What one copy may still take."""

    def __init__(self) -> None:
        self._values = VALUES
        self._text = TEXT

    def whole(self, given: Mapping[Any, Any]) -> tuple[dict[str, Any], int]:
        copy = self._mapping(given, DEPTH)
        used = VALUES - self._values
        return copy, TEXT - self._text + used * _VALUE_BYTES

    def _mapping(self, given: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key, value in given.items():
            if not self._values or not self._text:
                break
            if isinstance(key, str):
                if str.__len__(key) > self._text:
                    break  # half a key no longer tells that a secret follows
                kept = self._cut(key)  # before its value, which takes what is left
                copy[kept] = self._value(value, depth - 1)
        return copy

    def _value(self, value: object, depth: int) -> Any:
        self._values = max(0, self._values - 1)
        match value:
            case None | bool():
                return value
            case Enum():
                return self._value(value.value, depth)
            case str():
                return self._cut(value)
            case int():
                return value if value.__class__ is int else int.__add__(value, 0)
            case float():
                return value if value.__class__ is float else float.__add__(value, 0.0)
            case datetime():
                return self._cut(datetime.isoformat(value))
            case date():
                return self._cut(date.isoformat(value))
            case time():
                return self._cut(time.isoformat(value))
            case UUID():
                return self._cut(UUID.__str__(value))
            case Decimal():
                return self._cut(Decimal.__str__(value))
            case Mapping() if depth > 0:
                return self._mapping(value, depth)
            case list() | tuple() | set() | frozenset() if depth > 0:
                return self._items(value, depth)
            case _:
                return f"[{type(value).__name__}]"

    def _items(self, given: Any, depth: int) -> list[Any]:
        copy: list[Any] = []
        for item in tuple(given):
            if not self._values or not self._text:
                break
            copy.append(self._value(item, depth - 1))
        return copy

    def _cut(self, value: str) -> str:
        kept = str.__getitem__(value, slice(self._text))
        self._text -= len(kept)
        if len(kept) < str.__len__(value):
            start = kept.rfind("//")
            if start >= 0 and len(kept[start:].split()) == 1:
                kept = kept[:start]  # half a URL may lack the `@` that tells a password
        return kept if kept.__class__ is str else str.__str__(kept)
