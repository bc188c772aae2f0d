"""How each field type is described to an editor: JSON Schema, draft 2020-12.

A schema cannot say all: what a URL or a condition must be is checked when the file is read.
"""

import ast
import inspect
import itertools
import textwrap
from collections.abc import Callable, Mapping
from enum import Enum
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
from trunkline.config.limits import DOTTED_PATH, Form, Range
from trunkline.where import OPERATORS

Schema = dict[str, Any]
#: Returns the schema of a type within another.
Describe = Callable[[Kind], Schema]
Shape = Callable[[Kind, Describe], Schema]

SECRET_SCHEMA: Schema = {
    "type": "object",
    "properties": {name: {"type": "string", "minLength": 1} for name in ("env", "file")},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}


def always(**schema: Any) -> Shape:
    """Return a shape that is the same for every such type."""
    return lambda _, __: dict(schema)


def range_shape(kind: Kind, _: Describe) -> Schema:
    """Describe a number within limits."""
    wanted = note_of(kind, Range)
    name = "integer" if get_args(kind)[0] is int else "number"
    return {"type": name, "minimum": wanted.least, "maximum": wanted.most}


def form_shape(kind: Kind, _: Describe) -> Schema:
    """Describe a text of a certain form."""
    return {"type": "string", "pattern": note_of(kind, Form).pattern}


def choice_shape(kind: Kind, _: Describe) -> Schema:
    """Describe a closed set."""
    return {"enum": [choice for choice, _ in choices(kind)]}


def list_shape(kind: Kind, describe: Describe) -> Schema:
    """Describe a list."""
    return {"type": "array", "items": describe(item_kind(kind))}


def mapping_shape(kind: Kind, describe: Describe) -> Schema:
    """Describe a table of any keys."""
    each = item_kind(kind)
    values = {} if each is Any else {"additionalProperties": describe(each)}
    return {"type": "object", **values}


def conditions_shape(_: Kind, __: Describe) -> Schema:
    """Describe conditions: dotted paths to a value, to several, or to operators."""
    value: Schema = {"type": ["string", "number", "boolean"]}
    values: Schema = {"type": "array", "items": value, "minItems": 1}
    operators: dict[str, Schema] = {
        **{name: {"type": ["string", "number"]} for name in OPERATORS},
        "ne": {"anyOf": [value, values]},
        "prefix": {"type": "string"},
    }
    judged = {
        "type": "object",
        "properties": operators,
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {
        "type": "object",
        "propertyNames": {"pattern": f"^{DOTTED_PATH}$"},
        "additionalProperties": {"anyOf": [value, values, judged]},
    }


def optional_shape(kind: Kind, describe: Describe) -> Schema:
    """Describe what there may be; TOML has no null."""
    return describe(without_none(kind))


def classes_shape(kind: Kind, describe: Describe) -> Schema:
    """Describe tables told apart by `kind`, which none may leave out."""
    shapes = [describe(each) for each in dict.fromkeys(classes_by_name(kind).values())]
    return {
        "oneOf": [
            {**each, "required": sorted({*each.get("required", ()), "kind"})} for each in shapes
        ]
    }


def class_shape(kind: Kind, describe: Describe) -> Schema:
    """Describe a table by the fields of its class, with what the docstrings say."""
    fields = [field for field in attrs.fields(attrs.resolve_types(kind)) if field.init]
    docs = field_docs(kind)
    properties = {}
    for field in fields:
        properties[field.name] = describe(field.type)
        if field.name in docs:
            properties[field.name]["description"] = docs[field.name]
        if (default := _plain(field.default)) is not None:
            properties[field.name]["default"] = default
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if kind.__doc__:
        schema["description"] = inspect.cleandoc(kind.__doc__)
    required = [field.name for field in fields if field.default is attrs.NOTHING]
    return {**schema, "required": required} if required else schema


def field_docs(cls: type) -> Mapping[str, str]:
    """Return the docstrings under the fields of a class: `{field: text}`."""
    try:
        [tree] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, TypeError, SyntaxError):  # made at run time: there is no source
        return {}
    statements = getattr(tree, "body", [])
    docs = {}
    for field, text in itertools.pairwise(statements):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                docs[name] = inspect.cleandoc(words)
    return docs


def _plain(default: object) -> object:
    """Return a default as a file would have it; None where no file could."""
    if default is attrs.NOTHING:  # itself a member of an Enum
        return None
    if isinstance(default, Enum):
        return default.value
    if isinstance(default, Path):
        return str(default)
    if isinstance(default, tuple):
        return list(default)
    return default if isinstance(default, str | int | float) else None
