"""One way to turn decoded JSON into classes: strictly.

cattrs' own defaults convert: `"false"` becomes True, `7` becomes `"7"`, `None` becomes
`"None"`. Here a value either has the type that is asked for or is refused with its path. Unknown
keys are ignored on the wire; a configuration's converter refuses them and has its own table of
types (`config`). Error texts show paths and expectations, never values.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args, get_origin

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from trunkline.errors import InvalidData

T = TypeVar("T")


class Expected(ValueError):
    """A value is not of the expected kind; the text says which kind was expected."""


def _exactly(kind: type, phrase: str) -> Callable[[object, object], object]:
    def structure(value: object, _: object) -> object:
        if type(value) is not kind:
            raise Expected(f"expected {phrase}")
        return value

    return structure


def _number(value: object, _: object) -> float:
    if type(value) is not float and type(value) is not int:
        raise Expected("expected a number")
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        raise Expected("expected a finite number")
    return number


def _moment(value: object, _: object) -> datetime:
    """Read ISO 8601; a time without offset means UTC (protocol §6.2)."""
    if type(value) is not str:
        raise Expected("expected a time (ISO 8601)")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise Expected("expected a time (ISO 8601)") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _strict_converter() -> cattrs.Converter:
    """Return a converter whose primitives are never coerced."""
    converter = cattrs.Converter(detailed_validation=True, prefer_attrib_converters=False)
    converter.register_structure_hook(str, _exactly(str, "a string"))
    converter.register_structure_hook(int, _exactly(int, "an integer"))
    converter.register_structure_hook(bool, _exactly(bool, "true or false"))
    converter.register_structure_hook(float, _number)
    converter.register_structure_hook(datetime, _moment)
    converter.register_structure_hook_factory(attrs.has, lambda cls: _record(cls, converter))
    converter.register_structure_hook_factory(_is_tuple, lambda kind: _tuple(kind, converter))
    return converter


def _record(cls: type[Any], converter: cattrs.Converter) -> Callable[[object, object], object]:
    """Return a hook that takes objects only; cattrs would complain about each field."""
    fill = make_dict_structure_fn(cls, converter)

    def structure(value: object, kind: Any) -> object:
        if not isinstance(value, Mapping):
            raise Expected("expected an object")
        return fill(value, kind)

    return structure


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[1:] == (...,)


def _tuple(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:
    """Return a hook that takes lists only; cattrs would take a string apart."""
    each: Any = list[get_args(kind)[0]]  # type: ignore[misc] # an annotation made at run time

    def structure(value: object, _: object) -> object:
        if not isinstance(value, list | tuple):
            raise Expected("expected a list")
        return tuple(converter.structure(value, each))

    return structure


_wire = _strict_converter()


def structure(data: object, cls: type[T]) -> T:
    """Turn decoded JSON into `cls`; unknown keys are ignored.

    Raises:
        InvalidData: the data does not fit; every path that does not is named.
    """
    try:
        return _wire.structure(data, cls)
    except Exception as exc:  # noqa: BLE001 - cattrs runs validators of classes that are not ours
        # from None: the group's own traceback shows values, which may be secrets
        raise InvalidData(f"{cls.__name__}: " + "; ".join(explain(exc))) from None


def explain(exc: BaseException, path: str = "$") -> list[str]:
    """List `path: cause` for each leaf of a cattrs error, without any value."""
    if isinstance(exc, cattrs.ClassValidationError | cattrs.IterableValidationError):
        with_notes, without = exc.group_exceptions()
        lines: list[str] = []
        for inner, note in with_notes:
            step = (
                f".{note.name}"
                if isinstance(note, cattrs.AttributeValidationNote)
                else f"[{note.index}]"
            )
            lines += explain(inner, path + step)
        for inner in without:
            lines += explain(inner, path)
        return lines
    return [f"{path}: {cause_of(exc)}"]


def cause_of(exc: BaseException) -> str:
    """Say what one structuring error means, in words and without the value."""
    if isinstance(exc, Expected):
        return str(exc)
    if isinstance(exc, KeyError):
        return f"required key {exc} is missing"
    return f"does not fit ({type(exc).__name__})"
