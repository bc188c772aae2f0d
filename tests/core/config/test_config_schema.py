"""The JSON Schema for editors comes from the classes, and agrees with what loading does."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from trunkline.config import Seconds, Secret, config_schema, field_docs

CORPUS = Path(__file__).parent / "corpus"
#: What only loading can tell: it depends on another key, on the outside, or on more than a pattern.
BEYOND_A_SCHEMA = {
    "ca_file_without_tls",
    "filter_drop_with_keys",
    "filter_operator",
    "filter_redact_nothing",
    "filter_sample_all",
    "filter_where_date",
    "token_over_ws",
}
JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def fits(schema: Mapping[str, Any], data: Any) -> bool:
    """Judge by the part of JSON Schema that is used here; an unknown keyword is an error."""
    return all(_RULES[word](value, data, schema) for word, value in schema.items())


def _is_of_type(name: str, data: Any, _: Any) -> bool:
    return isinstance(data, JSON_TYPES[name]) and (name == "boolean" or not isinstance(data, bool))


def _properties_fit(properties: Mapping[str, Any], data: Any, _: Any) -> bool:
    return all(fits(properties[key], data[key]) for key in data if key in properties)


def _others_fit(wanted: Any, data: Any, schema: Mapping[str, Any]) -> bool:
    others = [data[key] for key in data if key not in schema.get("properties", {})]
    return not others if wanted is False else all(fits(wanted, each) for each in others)


_RULES: dict[str, Callable[[Any, Any, Mapping[str, Any]], bool]] = {
    "type": _is_of_type,
    "properties": _properties_fit,
    "additionalProperties": _others_fit,
    "required": lambda keys, data, _: all(key in data for key in keys),
    "items": lambda each, data, _: all(fits(each, item) for item in data),
    "enum": lambda choices, data, _: data in choices,
    "oneOf": lambda shapes, data, _: sum(fits(shape, data) for shape in shapes) == 1,
    "pattern": lambda pattern, data, _: re.search(pattern, data) is not None,
    "minLength": lambda least, data, _: len(data) >= least,
    "minProperties": lambda least, data, _: len(data) >= least,
    "maxProperties": lambda most, data, _: len(data) <= most,
    "minimum": lambda least, data, _: data >= least,
    "maximum": lambda most, data, _: data <= most,
    **dict.fromkeys(("$schema", "title", "description", "default"), lambda *_: True),
}


def decoded(path: Path) -> Any:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except (ValueError, RecursionError):
        return None


@pytest.mark.parametrize(
    "path", sorted((CORPUS / "good").glob("*.toml")), ids=lambda path: path.stem
)
def test_p23_a_good_file_fits_the_schema(path: Path) -> None:
    """An editor complains of nothing that would run."""
    assert fits(config_schema(), decoded(path))


def judged_by_a_schema() -> list[Path]:
    """Return the bad files that are TOML and whose fault is in the file itself."""
    outside = ("secret_file", "variable", "url_", "secret_as_name")
    files = sorted((CORPUS / "bad").glob("*.toml"))
    return [f for f in files if decoded(f) is not None and not f.stem.startswith(outside)]


@pytest.mark.parametrize("path", judged_by_a_schema(), ids=lambda path: path.stem)
def test_p23_a_bad_file_does_not_fit_where_a_schema_can_tell(path: Path) -> None:
    """Contradictions between keys are beyond it."""
    assert fits(config_schema(), decoded(path)) == (path.stem in BEYOND_A_SCHEMA)


def test_the_schema_is_json() -> None:
    """With every setting described."""
    schema = json.loads(json.dumps(config_schema()))

    for table in ("connection", "host", "plugins", "activity"):
        for name, field in schema["properties"][table]["properties"].items():
            assert field["description"], name
    assert schema["properties"]["connection"]["properties"]["connect_timeout"]["default"] == 10.0


@attrs.frozen
class Hook:
    url: str
    """Where to."""
    secret: Secret
    kind: Literal["hook"] = "hook"


@attrs.frozen
class Note:
    kind: Literal["note"] = "note"


@attrs.frozen
class Table:
    sinks: tuple[Hook | Note, ...]
    limits: Mapping[str, int] = attrs.field(factory=dict)
    any: Mapping[str, Any] | None = None
    wait: Seconds = 5.0
    made: int = attrs.field(init=False, default=1)


def test_p23_plugins_tables_are_in_the_schema() -> None:
    """Of those that are known; others pass."""
    schema = config_schema({"p": Table})

    def verdict(table: Mapping[str, Any]) -> bool:
        return fits(schema, {"connection": {"url": "wss://h"}, "plugin": {"p": table, "q": {}}})

    assert verdict({"sinks": [{"kind": "hook", "url": "x", "secret": {"env": "T"}}], "wait": 1})
    assert verdict({"sinks": [{"kind": "note"}], "limits": {"a": 1}, "any": {"x": []}})
    assert not verdict({})
    assert not verdict({"sinks": [{}]})
    assert not verdict({"sinks": [{"kind": "note", "url": "x"}]})
    assert not verdict({"sinks": [{"kind": "hook", "url": "x", "secret": "T"}]})
    assert not verdict({"sinks": [], "limits": {"a": "1"}})
    assert not verdict({"sinks": [], "wait": -1})
    assert not verdict({"sinks": [], "made": 1})


def test_docs_of_fields_come_from_their_docstrings() -> None:
    """A class made at run time has none."""
    assert field_docs(Hook) == {"url": "Where to."}
    assert field_docs(attrs.make_class("Made", ["x"])) == {}
