"""Field types of configuration classes: how each is checked, and what to say if it does not fit.

One cattrs converter with strict hooks, built for one file: paths are relative to it, secrets come
from its environment. cattrs' own defaults would turn `"false"` into True.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs
import cattrs

from trunkline.config.secret import Range, Secret, TokenProvider
from trunkline.config.url import Endpoint, parse_url
from trunkline.strict import Expected, strict_converter

ReadSecret = Callable[[str], str]
SHOWN = 40  # characters of a wrong value

Key = str | int
Place = tuple[Key, ...]


@attrs.frozen
class SecretSource:
    """Where the two kinds of secrets are read from."""

    environ: Mapping[str, str]
    read_file: Callable[[str], str]
    """Return the text of a secret file; raises `Expected`."""


def shown(value: object) -> str:
    """Return a value from a file in a form fit for one line."""
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = text.encode("unicode_escape").decode()
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def config_converter(base: Path, secrets: SecretSource) -> cattrs.Converter:
    """Return the converter for the tables of a file in the directory `base`."""
    converter = strict_converter(forbid_extra_keys=True)
    for kind, phrase in ((str, "a string"), (int, "an integer"), (bool, "true or false")):
        converter.register_structure_hook(kind, _exactly(kind, phrase))
    converter.register_structure_hook(float, _float)
    converter.register_structure_hook(Path, lambda value, _: base / _text(value, "a path"))
    converter.register_structure_hook(Endpoint, _endpoint)
    converter.register_structure_hook(Secret, lambda value, _: _secret(value, secrets))
    converter.register_structure_hook_func(
        lambda kind: kind == Secret | TokenProvider | None,
        lambda value, _: None if value is None else _secret(value, secrets),
    )
    converter.register_structure_hook_func(partial(_is_special, Annotated), _ranged)
    converter.register_structure_hook_func(
        partial(_is_special, Literal), lambda value, kind: _literal(value, get_args(kind))
    )
    converter.register_structure_hook_func(
        lambda kind: isinstance(kind, type) and issubclass(kind, Enum), _enum
    )
    converter.register_structure_hook_factory(_is_mapping, lambda kind: _mapping(kind, converter))
    converter.register_structure_hook_factory(_is_optional, lambda kind: _optional(kind, converter))
    return converter


def _is_special(form: object, kind: object) -> bool:
    return get_origin(kind) is form


def _exactly(kind: type, phrase: str) -> Callable[[object, object], object]:
    def structure(value: object, _: object) -> object:
        if type(value) is not kind:
            raise Expected(f"expected {phrase}, got {shown(value)}")
        return value

    return structure


def _text(value: object, phrase: str) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise Expected(f"expected {phrase}, got {shown(value)}")
    return value


def _float(value: object, _: object) -> float:
    if type(value) is not float and type(value) is not int:
        raise Expected(f"expected a number, got {shown(value)}")
    if not abs(value) < float("inf"):  # false for nan too
        raise Expected(f"expected a finite number, got {shown(value)}")
    return float(value)


def _endpoint(value: object, _: object) -> Endpoint:
    """Parse a URL; its text is not repeated, because people put secrets into URLs."""
    if not isinstance(value, str):
        raise Expected("expected a URL")
    try:
        return parse_url(value)
    except ValueError as exc:
        raise Expected(str(exc)) from None


def _ranged(value: object, kind: Any) -> object:
    base, *notes = get_args(kind)
    wanted = next((note for note in notes if isinstance(note, Range)), None)
    if wanted is None:
        raise Expected(f"expected {base.__name__}, of a kind this version does not know")
    if (
        type(value) is bool
        or not isinstance(value, int | float)
        or (base is int and type(value) is not int)
    ):
        raise Expected(f"expected {wanted.phrase}, got {shown(value)}")
    if not wanted.least <= value <= wanted.most:
        raise Expected(f"expected {wanted}, got {shown(value)}")
    return base(value)


def _literal(value: object, choices: tuple[object, ...]) -> object:
    if value not in choices:
        raise Expected(f"expected one of {', '.join(map(str, choices))}, got {shown(value)}")
    return value


def _enum(value: object, kind: type[Enum]) -> Enum:
    try:
        return kind(value)
    except ValueError:
        choices = ", ".join(str(member.value) for member in kind)
        raise Expected(f"expected one of {choices}, got {shown(value)}") from None


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) in {dict, Mapping}


def _mapping(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:
    values = get_args(kind)[1]

    def structure(value: object, _: object) -> object:
        if not isinstance(value, Mapping):
            raise Expected(f"expected a table, got {shown(value)}")
        if values is Any:
            return dict(value)
        return {key: converter.structure(item, values) for key, item in value.items()}

    return structure


def _is_optional(kind: Any) -> bool:
    return (
        get_origin(kind) in {Union, UnionType}
        and len(get_args(kind)) == 2
        and NoneType in get_args(kind)
    )


def _optional(kind: Any, converter: cattrs.Converter) -> Callable[[object, object], object]:
    [inner] = [each for each in get_args(kind) if each is not NoneType]

    def structure(value: object, _: object) -> object:
        return None if value is None else converter.structure(value, inner)

    return structure


WANTED_FORM = 'expected { env = "NAME" } or { file = "path" }'


def _secret(value: object, source: SecretSource) -> Secret:
    """Read a secret; no text here ever repeats one."""
    if not isinstance(value, Mapping) or len(value) != 1:
        raise Expected(f"{WANTED_FORM}; a secret is never written into the file")
    [(where, name)] = value.items()
    if where not in {"env", "file"} or not isinstance(name, str) or not name:
        raise Expected(WANTED_FORM)
    if where == "env":
        text = source.environ.get(name, "").strip()
        if not text:
            raise Expected(f"the environment variable {name} is not set, or empty")
    else:
        text = source.read_file(name).strip()
        if not text:
            raise Expected(f"the file {name} is empty")
    if not text.isprintable():
        raise Expected(f"what {name} holds is more than one line, or not text")
    return Secret(text)
