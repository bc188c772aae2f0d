"""The JSON Schema for editors comes from the classes, and agrees with what loading does."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from jsonschema import Draft202012Validator

from trunkline.config import Seconds, Secret, config_schema, field_docs

CORPUS = Path(__file__).parent / "corpus"
#: What only loading can tell: it depends on another key, on the outside, or on more than a pattern.
BEYOND_A_SCHEMA = {
    "ca_file_without_tls",
    "filter_drop_with_keys",
    "filter_redact_nothing",
    "filter_sample_all",
    "filter_system",
    "filter_unreached",
    "float_for_int",  # in JSON Schema 4096.0 is an integer
    "not_a_number",  # which no JSON holds
    "token_over_ws",
}


def fits(schema: Mapping[str, Any], data: Any) -> bool:
    """Judge as an editor does."""
    Draft202012Validator.check_schema(schema)
    return bool(Draft202012Validator(schema).is_valid(data))


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
    outside = (
        *("secret_file", "variable", "url_", "secret_as_name"),
        "hexadecimal_giant",  # refused, too, in words that Python cannot print
    )
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
    connection = schema["properties"]["connection"]
    assert connection["properties"]["connect_timeout"]["default"] == 10.0
    assert "default" not in connection["properties"]["url"]
    assert connection["description"].startswith("`[connection]`: where to connect")


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


def test_p22_a_plugin_without_settings_takes_no_table() -> None:
    """As loading says: it would be read by nobody; an empty one does no harm."""
    schema = config_schema({"p": None})

    for table, verdict in (({}, True), ({"file": "x"}, False)):
        assert fits(schema, {"connection": {"url": "wss://h"}, "plugin": {"p": table}}) is verdict


def test_docs_of_fields_come_from_their_docstrings() -> None:
    """A class made at run time has none."""
    assert field_docs(Hook) == {"url": "Where to."}
    assert field_docs(attrs.make_class("Made", ["x"])) == {}
