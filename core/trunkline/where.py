"""The one condition language: conditions as data, checked and compiled; pure.

A mapping from dotted paths to a value, a collection of values, or operators
`{ne gt ge lt le prefix}`; all must hold. The same in code, in config files and in topic matches.
No regular expressions, so every judgement is linear in the size of what it looks at (S14).
"""

import difflib
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

from trunkline.errors import TrunklineError

Path = tuple[str, ...]
Judge = Callable[[Any], bool]

SCALARS = (str, int, float, bool, type(None))
_ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
OPERATORS = ("ne", *_ORDERINGS, "prefix")


class WhereError(TrunklineError):
    """A condition cannot be used; the text names the path and what would be right."""


def key_of(value: object) -> object:
    """Return what equal JSON values share: true is not 1, yet 1 is 1.0."""
    return (bool, value) if isinstance(value, bool) else value


@attrs.frozen
class Equality:
    """A path that must hold one of some values; what an index can be made of."""

    path: Path
    keys: frozenset[object]
    """The values, as `key_of` makes them comparable."""

    def holds(self, data: Mapping[str, Any]) -> bool:
        """Tell whether the path holds one of the values."""
        value = dig(data, self.path)
        return isinstance(value, SCALARS) and key_of(value) in self.keys


@attrs.frozen
class Conditions:
    """A compiled mapping."""

    equalities: tuple[Equality, ...]
    tests: tuple[tuple[Path, Judge], ...]
    """What is not an equality."""

    def holds(self, data: Mapping[str, Any]) -> bool:
        """Tell whether all conditions hold for `data`; a path that leads nowhere is null."""
        return all(equality.holds(data) for equality in self.equalities) and all(
            judge(dig(data, path)) for path, judge in self.tests
        )

    def split(self) -> "tuple[Equality | None, Conditions | None]":
        """Return an equality for an index, and what is left to judge behind it, if anything."""
        if not self.equalities:
            return None, self
        first, *others = self.equalities
        if not others and not self.tests:
            return first, None
        return first, Conditions(tuple(others), self.tests)


def dig(data: object, path: Path) -> Any:  # noqa: ANN401 - JSON holds anything
    """Follow `path` through nested mappings; None where a step is missing."""
    for key in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(key)
    return data


def compile_where(where: Mapping[str, Any]) -> Conditions:
    """Check and compile a mapping.

    Raises:
        WhereError: it cannot be used.
    """
    equalities: list[Equality] = []
    tests: list[tuple[Path, Judge]] = []
    for dotted, wanted in where.items():
        path = _path(dotted)
        if isinstance(wanted, Mapping):
            tests += [(path, _judge(dotted, name, value)) for name, value in wanted.items()]
            if not wanted:
                raise WhereError(f"{dotted}: no operator given; one of {', '.join(OPERATORS)}")
        else:
            equalities.append(Equality(path, _keys(dotted, wanted)))
    return Conditions(tuple(equalities), tuple(tests))


def _path(dotted: object) -> Path:
    if not isinstance(dotted, str) or not all(dotted.split(".")):
        raise WhereError(f"{dotted!r} is not a dotted path such as `payload.status`")
    return tuple(dotted.split("."))


def _keys(dotted: str, wanted: object) -> frozenset[object]:
    """Return the keys of a value, or of a collection of values."""
    if isinstance(wanted, SCALARS):
        return frozenset({key_of(wanted)})
    if isinstance(wanted, Collection) and not wanted:
        raise WhereError(f"{dotted}: an empty collection; nothing would ever match")
    if isinstance(wanted, Collection) and all(isinstance(value, SCALARS) for value in wanted):
        return frozenset(key_of(value) for value in wanted)
    raise WhereError(
        f"{dotted}: expected a value, a collection of values or operators, got {type(wanted).__name__}"
    )


def _judge(dotted: str, name: object, wanted: Any) -> Judge:  # noqa: ANN401 - from a file
    if name == "ne":
        keys = _keys(dotted, wanted)
        return lambda value: not (isinstance(value, SCALARS) and key_of(value) in keys)
    if name == "prefix":
        if not isinstance(wanted, str):
            raise WhereError(f"{dotted}.prefix: expected a string, got {type(wanted).__name__}")
        return lambda value: isinstance(value, str) and value.startswith(wanted)
    if isinstance(name, str) and name in _ORDERINGS:
        return _ordering(dotted, name, wanted)
    near = difflib.get_close_matches(str(name), OPERATORS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; one of {', '.join(OPERATORS)}"
    raise WhereError(f"{dotted}: no operator {name!r}{hint}")


def _ordering(dotted: str, name: str, wanted: Any) -> Judge:  # noqa: ANN401 - from a file
    """Compare numbers with numbers and strings with strings; across kinds nothing holds."""
    compare = _ORDERINGS[name]
    if isinstance(wanted, str):
        return lambda value: isinstance(value, str) and compare(value, wanted)
    if isinstance(wanted, int | float) and not isinstance(wanted, bool):
        return lambda value: (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and compare(value, wanted)
        )
    raise WhereError(f"{dotted}.{name}: expected a number or a string, got {type(wanted).__name__}")
