"""How each field type is checked: strictly, for cattrs' own ways make True of `"false"`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import attrs

from trunkline.config.kinds import (
    Kind,
    choices,
    classes_by_name,
    item_kind,
    note_of,
    without_none,
)
from trunkline.config.limits import Form, Range
from trunkline.config.secret import Secret
from trunkline.config.sources import Secrets, one_line
from trunkline.config.url import Endpoint, parse_url
from trunkline.config.words import choice_of, shown
from trunkline.strict import Expected
from trunkline.where import WhereError, compile_where

LARGEST = 1.7e308  # beyond it an integer is no float


class Unfit(Exception):
    """The value is not what the phrase of its field type says."""


@attrs.frozen
class Site:
    """What a check may use beside the value."""

    base: Path
    """Where relative paths start."""
    secrets: Secrets
    structure: Callable[[Any, Kind], Any]
    """Checks what stands within a list or a table."""
    fill: Callable[[Mapping[str, Any], type], Any]
    """Makes an instance of an attrs class."""


def check_exact(value: object, kind: Kind, _: Site) -> object:
    """Take a value of exactly this type: a bool is no int."""
    if type(value) is not kind:
        raise Unfit
    return value


def check_number(value: object, _: Kind, __: Site) -> float:
    """Take a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Unfit
    if not -LARGEST < value < LARGEST:  # neither is nan
        raise Unfit
    return float(value)


def check_range(value: object, kind: Kind, _: Site) -> object:
    """Take a number within its limits."""
    base, wanted = get_args(kind)[0], note_of(kind, Range)
    if not isinstance(value, int if base is int else int | float) or isinstance(value, bool):
        raise Unfit
    if not wanted.least <= value <= wanted.most:
        raise Expected(f"expected {wanted}, got {shown(value)}")
    return base(value)


def check_form(value: object, kind: Kind, _: Site) -> str:
    """Take a text of a certain form."""
    if not isinstance(value, str) or not note_of(kind, Form).fits(value):
        raise Unfit
    return value


def check_path(value: object, _: Kind, site: Site) -> Path:
    """Take a path; a relative one starts at the configuration's directory."""
    if isinstance(value, Path):  # from code
        return site.base / value
    if not isinstance(value, str) or not value or "\0" in value:
        raise Unfit
    return site.base / value


def check_choice(value: object, kind: Kind, _: Site) -> object:
    """Take one of a closed set: a literal's value, or the member of an enum."""
    for choice, meaning in choices(kind):
        if type(choice) is type(value) and choice == value:
            return meaning
    names = [choice for choice, _ in choices(kind)]
    raise Expected(f"expected {choice_of(names, value)}, got {shown(value)}")


def check_list(value: object, kind: Kind, site: Site) -> tuple[Any, ...]:
    """Take a list, each item by itself."""
    if not isinstance(value, list | tuple):
        raise Unfit
    return tuple(site.structure(value, list[item_kind(kind)]))  # type: ignore[misc] # made at run time


def check_mapping(value: object, kind: Kind, site: Site) -> Mapping[str, Any]:
    """Take a table of any keys, each value by itself."""
    if not isinstance(value, Mapping):
        raise Unfit
    if item_kind(kind) is Any:
        return dict(value)
    items: Mapping[str, Any] = site.structure(value, dict[str, item_kind(kind)])  # type: ignore[misc] # made at run time
    return items


def check_conditions(value: object, _: Kind, __: Site) -> Mapping[str, Any]:
    """Take conditions that can be compiled."""
    if not isinstance(value, Mapping):
        raise Unfit
    wrong = [text for path in value if (text := _why_unusable({path: value[path]}))]
    if wrong:
        raise Expected("; ".join(wrong))
    return dict(value)


def _why_unusable(condition: Mapping[str, Any]) -> str:
    try:
        compile_where(condition)
    except WhereError as exc:
        return str(exc)
    return ""


def check_class(value: object, kind: Kind, site: Site) -> object:
    """Take a table with the keys of a class."""
    if not isinstance(value, Mapping):
        raise Unfit
    return site.fill(value, kind)


def check_classes(value: object, kind: Kind, site: Site) -> object:
    """Take a table whose `kind` names its class."""
    if not isinstance(value, Mapping):
        raise Unfit
    classes, name = classes_by_name(kind), value.get("kind")
    if not isinstance(name, str) or name not in classes:
        raise Expected(f"expected `kind` to be {choice_of(classes, name)}")
    return site.structure(value, classes[name])


def check_optional(value: object, kind: Kind, site: Site) -> object:
    """Take None, which only code can say, or what there may be instead."""
    return None if value is None else site.structure(value, without_none(kind))


def check_secret(value: object, _: Kind, site: Site) -> Secret:
    """Take where a secret comes from, and fetch it; or the secret itself, from code."""
    if isinstance(value, Secret):
        return Secret(one_line(value.reveal(), "the secret"))
    return site.secrets.read(value)


def check_open_or_secret(value: object, kind: Kind, site: Site) -> object:
    """Take a string that is no secret, or where a secret comes from."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping | Secret):
        raise Unfit
    return check_secret(value, kind, site)


def check_credential(value: object, kind: Kind, site: Site) -> object:
    """Take a secret, or the function of a caller that fetches one."""
    return value if callable(value) else check_secret(value, kind, site)


def check_url(value: object, _: Kind, __: Site) -> Endpoint:
    """Take the address of a server."""
    if not isinstance(value, str):
        raise Unfit
    try:
        return parse_url(value)
    except ValueError as exc:
        raise Expected(str(exc)) from None
