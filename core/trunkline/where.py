"""The one condition language: conditions as data, checked and compiled; pure.

A mapping from dotted paths to a value, a collection of values, or operators
`{ne gt ge lt le prefix}`; all must hold. The same in code, in config files and in topic matches.
No regular expressions, so every judgement is linear in the size of what it looks at (S14).
"""

import difflib
import functools
import itertools
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

import attrs

from trunkline.errors import TrunklineError

Path = tuple[str, ...]
Judge = Callable[[Any], bool]

SCALARS = (str, int, float, bool, type(None))
NO_KEY = object()  # what containers have for a key; no condition holds it
MOST_KEYS = 256  # entries that conditions on several paths may have in an index, multiplied out
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
    """Return what equal values share: true is not 1, yet 1 is 1.0; `NO_KEY` for a container."""
    if isinstance(value, bool):
        return (bool, value)
    return value if isinstance(value, SCALARS) else NO_KEY


def key_reader(paths: tuple[Path, ...]) -> Callable[[Mapping[str, Any]], object]:
    """Return a function that reads the key of one path, or the keys of several as a tuple."""
    if len(paths) > 1:
        readers = tuple(key_reader((path,)) for path in paths)
        return lambda data: tuple(read(data) for read in readers)
    path = paths[0]
    if len(path) > 1:
        return lambda data: key_of(dig(data, path))
    name = path[0]

    def read_field(data: Mapping[str, Any]) -> object:
        value = data.get(name)
        return value if value.__class__ is str else key_of(value)  # most keys are strings

    return read_field


@attrs.frozen
class Equality:
    """A path that must hold one of some values."""

    path: Path
    keys: frozenset[object]
    """The values, as `key_of` makes them comparable."""

    def holds(self, data: Mapping[str, Any]) -> bool:
        """Tell whether the path holds one of the values."""
        return key_of(dig(data, self.path)) in self.keys


@attrs.frozen
class Lookup:
    """Equalities folded into one, for an index: what must stand at `paths` together."""

    paths: tuple[Path, ...]
    """In order, so that conditions on the same paths share a table."""
    keys: tuple[object, ...]
    """The keys that fit, as `key_reader(paths)` reads them; no two are equal."""

    def fits(self, data: Mapping[str, Any]) -> bool:
        """Tell whether it is found by what stands in `data`; an index does so for many at once."""
        return key_reader(self.paths)(data) in self.keys


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

    def split(self) -> "tuple[Lookup | None, Conditions | None]":
        """Return what an index can answer, and what is left to judge behind it, if anything.

        The fewer values an equality allows the more it tells apart, so those come first; one
        that would make too many entries of all combinations is left to be judged.
        """
        chosen: list[Equality] = []
        count = 1
        for equality in sorted(self.equalities, key=lambda each: len(each.keys)):
            count *= len(equality.keys)
            if chosen and count > MOST_KEYS:
                break
            chosen.append(equality)
        others = tuple(equality for equality in self.equalities if equality not in chosen)
        rest = Conditions(others, self.tests) if others or self.tests else None
        return _folded(chosen), rest


def _folded(equalities: list[Equality]) -> Lookup | None:
    if not equalities:
        return None
    in_order = sorted(equalities, key=lambda equality: equality.path)
    if len(in_order) == 1:
        return Lookup((in_order[0].path,), tuple(in_order[0].keys))
    combinations = itertools.product(*(equality.keys for equality in in_order))
    return Lookup(tuple(equality.path for equality in in_order), tuple(combinations))


def dig(data: object, path: Path) -> Any:
    """Follow `path` through nested mappings; None where a step is missing."""
    for key in path:
        if data.__class__ is not dict and not isinstance(data, Mapping):
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


@functools.lru_cache(maxsize=1024)  # many conditions, few paths: those that are equal are one
def _path(dotted: object) -> Path:
    if not isinstance(dotted, str) or not all(dotted.split(".")):
        raise WhereError(f"{dotted!r} is not a dotted path such as `payload.status`")
    return tuple(dotted.split("."))


def _keys(dotted: str, wanted: object) -> frozenset[object]:
    """Return the keys of a value, or of a collection of values."""
    if isinstance(wanted, SCALARS):
        return frozenset({key_of(wanted)})
    if isinstance(wanted, Collection) and not isinstance(wanted, Mapping | bytes | bytearray):
        if not wanted:
            raise WhereError(f"{dotted}: an empty collection; nothing would ever match")
        if all(isinstance(value, SCALARS) for value in wanted):
            return frozenset(key_of(value) for value in wanted)
    raise WhereError(
        f"{dotted}: expected a value, a collection of values or operators, got {type(wanted).__name__}"
    )


def _judge(dotted: str, name: object, wanted: Any) -> Judge:
    if name == "ne":
        keys = _keys(dotted, wanted)
        return lambda value: key_of(value) not in keys
    if name == "prefix":
        if not isinstance(wanted, str):
            raise WhereError(f"{dotted}.prefix: expected a string, got {type(wanted).__name__}")
        return lambda value: isinstance(value, str) and value.startswith(wanted)
    if isinstance(name, str) and name in _ORDERINGS:
        return _ordering(dotted, name, wanted)
    near = difflib.get_close_matches(str(name), OPERATORS, 1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; one of {', '.join(OPERATORS)}"
    raise WhereError(f"{dotted}: no operator {name!r}{hint}")


def _ordering(dotted: str, name: str, wanted: Any) -> Judge:
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
