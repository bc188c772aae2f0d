"""The one table of field types: how each is called, checked, and described to an editor.

A configuration class may ask for these and for nothing else (plugins P19). A wrong value is
repeated only where the field can hold no secret.
"""

from collections.abc import Callable
from pathlib import Path

import attrs

from trunkline.config import checks, kinds, shapes
from trunkline.config.checks import Site
from trunkline.config.kinds import Kind, has_note, is_kind, note_of
from trunkline.config.limits import Form, Range, Where
from trunkline.config.secret import Secret, TokenProvider
from trunkline.config.shapes import Schema, Shape, always
from trunkline.config.sources import WANTED
from trunkline.config.url import Endpoint
from trunkline.config.words import choice_of


@attrs.frozen
class FieldType:
    """One row of the table."""

    matches: Callable[[Kind], bool]
    phrase: str | Callable[[Kind], str]
    """What fits, in words that follow "expected"."""
    check: Callable[[object, Kind, Site], object]
    """Returns the value in its type; raises `Unfit`, or `Expected` where there is more to say."""
    shape: Shape
    shows_value: bool = True
    """A wrong value may be repeated; else only what sort it is."""

    def phrase_for(self, kind: Kind) -> str:
        """Return what fits, in words."""
        return self.phrase if isinstance(self.phrase, str) else self.phrase(kind)


def field_type(kind: Kind) -> FieldType | None:
    """Return the row for an annotation; None where no table of a file holds such a thing."""
    return next((row for row in FIELD_TYPES if row.matches(kind)), None)


def describe(kind: Kind) -> Schema:
    """Return the JSON Schema of a type, to which any value is welcome where no row matches."""
    row = field_type(kind)
    return {} if row is None else row.shape(kind, describe)


#: The first row that matches counts.
FIELD_TYPES = (
    FieldType(is_kind(str), "a string", checks.check_exact, always(type="string")),
    FieldType(is_kind(int), "an integer", checks.check_exact, always(type="integer")),
    FieldType(is_kind(bool), "true or false", checks.check_exact, always(type="boolean")),
    FieldType(is_kind(float), "a finite number", checks.check_number, always(type="number")),
    FieldType(
        has_note(Range),
        lambda kind: note_of(kind, Range).phrase,
        checks.check_range,
        shapes.range_shape,
    ),
    FieldType(
        has_note(Form),
        lambda kind: note_of(kind, Form).phrase,
        checks.check_form,
        shapes.form_shape,
    ),
    FieldType(
        has_note(Where),
        "a table of conditions",
        checks.check_conditions,
        shapes.conditions_shape,
        shows_value=False,
    ),
    FieldType(is_kind(Path), "a path", checks.check_path, always(type="string", minLength=1)),
    FieldType(
        is_kind(Endpoint),
        "a URL",
        checks.check_url,
        always(type="string", pattern="^[wW][sS][sS]?://[^/?#@]+([/?][^#]*)?$"),
        shows_value=False,
    ),
    FieldType(
        is_kind(Secret),
        WANTED,
        checks.check_secret,
        always(**shapes.SECRET_SCHEMA),
        shows_value=False,
    ),
    FieldType(
        is_kind(Secret | TokenProvider),
        WANTED,
        checks.check_credential,
        always(**shapes.SECRET_SCHEMA),
        shows_value=False,
    ),
    FieldType(
        is_kind(str | Secret),
        f"a string, or, where it is a secret, {WANTED}",
        checks.check_open_or_secret,
        always(anyOf=[{"type": "string"}, shapes.SECRET_SCHEMA]),
        shows_value=False,
    ),
    FieldType(
        kinds.is_choice,
        lambda kind: choice_of((choice for choice, _ in kinds.choices(kind)), None),
        checks.check_choice,
        shapes.choice_shape,
    ),
    FieldType(kinds.is_list, "a list", checks.check_list, shapes.list_shape, shows_value=False),
    FieldType(
        kinds.is_mapping, "a table", checks.check_mapping, shapes.mapping_shape, shows_value=False
    ),
    FieldType(
        kinds.is_optional,
        "something or nothing",
        checks.check_optional,
        shapes.optional_shape,
        shows_value=False,
    ),
    FieldType(
        kinds.is_one_of_classes,
        "a table with a `kind`",
        checks.check_classes,
        shapes.classes_shape,
        shows_value=False,
    ),
    FieldType(attrs.has, "a table", checks.check_class, shapes.class_shape, shows_value=False),
)
