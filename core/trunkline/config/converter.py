"""The cattrs converter of a configuration: the table of field types, and classes strictly."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn, override

from trunkline.config.checks import Site, Unfit
from trunkline.config.fields import field_type
from trunkline.config.kinds import Kind
from trunkline.config.sources import Secrets
from trunkline.config.words import shown, sort_of
from trunkline.strict import Expected

#: Makes an instance of a class from a table: (table, class) -> instance.
Fill = Callable[[Mapping[str, Any], type], Any]

#: What cattrs would convert before it asks any function: each needs a hook by name.
COERCED = (str, int, float, bool, Path)


def config_converter(base: Path, secrets: Secrets) -> cattrs.Converter:
    """Return the converter for the tables of a file in the directory `base`."""
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)

    @cache
    def filler(cls: type) -> Fill:
        attrs.resolve_types(cls)
        fields = [field for field in attrs.fields(cls) if field.init]
        hooks = {field.name: override(struct_hook=_hook(field, converter)) for field in fields}
        fill: Fill = make_dict_structure_fn(
            cls,
            converter,
            _cattrs_forbid_extra_keys=True,
            **hooks,  # type: ignore[arg-type] # overrides by name
        )
        # a default that is a path starts at `base`, too, as if it stood in the file
        paths = {each.name: each.default for each in fields if isinstance(each.default, Path)}
        return lambda value, kind: fill({**paths, **value}, kind)

    site = Site(base, secrets, converter.structure, lambda value, cls: filler(cls)(value, cls))

    def check(value: object, kind: Kind) -> object:
        return _checked(value, kind, site)

    converter.register_structure_hook_func(lambda kind: field_type(kind) is not None, check)
    for plain in COERCED:
        converter.register_structure_hook(plain, check)
    return converter


def _checked(value: object, kind: Kind, site: Site) -> object:
    row = field_type(kind)
    if row is None:  # the hook is only called for types with a row
        raise Expected("cannot be told in a file")
    try:
        return row.check(value, kind, site)
    except Unfit:
        got = shown(value) if row.shows_value else sort_of(value)
        raise Expected(f"expected {row.phrase_for(kind)}, got {got}") from None


def _hook(
    field: "attrs.Attribute[Any]", converter: cattrs.Converter
) -> Callable[[object, Kind], object]:
    """Return a hook that runs the field's validators too, so that what they say has a line."""

    def structure(value: object, kind: Kind) -> object:
        result = converter.structure(value, kind)
        if field.validator is not None and field.converter is None:
            # a validator that looks at other fields is asked again by attrs, when all are there
            with suppress(AttributeError):
                field.validator(None, field, result)
        return result

    return structure
