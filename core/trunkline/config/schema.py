"""JSON Schema of a whole configuration file, made from the classes of its tables."""

from collections.abc import Mapping
from typing import Any

from trunkline.config.fields import describe
from trunkline.config.reader import TABLES
from trunkline.config.settings import FilterSettings
from trunkline.config.shapes import Schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


NO_SETTINGS: Schema = {
    "type": "object",
    "description": "This plugin has no settings.",
    "maxProperties": 0,
}


def config_schema(plugins: Mapping[str, type[Any] | None] | None = None) -> Schema:
    """Return the schema for the core and for `plugins`, `{name: class of its table, or None}`.

    Tables of other plugins are let through: whether they fit, only their classes know.
    """
    properties = {name: describe(cls) for name, cls in TABLES.items()}
    properties["filter"] = {"type": "array", "items": describe(FilterSettings)}
    properties["plugin"] = {
        "type": "object",
        "properties": {
            name: NO_SETTINGS if cls is None else describe(cls)
            for name, cls in sorted((plugins or {}).items())
        },
        "additionalProperties": {"type": "object"},
    }
    return {
        "$schema": DIALECT,
        "title": "Trunkline configuration",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": ["connection"],
    }
