"""A plugin's own table: its class decides, the file is told where it is wrong."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

from trunkline.config import Config, Seconds, Secret, config_from_mapping, load_config
from trunkline.errors import ConfigError


class Level(Enum):
    LOW = "low"
    ONE = 1


@attrs.frozen
class File:
    path: Path
    kind: Literal["file", "jsonl"]


@attrs.frozen
class Webhook:
    secret: Secret
    kind: Literal["webhook"] = "webhook"


def _even(_: object, field: Any, value: int) -> None:
    if value % 2:
        raise ValueError(f"{field.name} must be even")


@attrs.frozen
class Pair:
    low: int = 0
    high: int = attrs.field(default=1)

    @high.validator
    def _above(self, _: Any, value: int) -> None:
        if value < self.low:
            raise ValueError("high is below low")


@attrs.frozen
class Table:
    number: int = attrs.field(default=2, validator=_even)
    share: float = 1.0
    flag: bool = False
    wait: Seconds = 1.0
    level: Level = Level.LOW
    words: tuple[str, ...] = ()
    limits: Mapping[str, int] = attrs.field(factory=dict)
    secrets: Mapping[str, Secret] = attrs.field(factory=dict)
    keys: tuple[Secret, ...] = ()
    sinks: tuple[File | Webhook, ...] = ()
    nested: Pair | None = None
    made: int = attrs.field(init=False, default=7)


def config(**table: Any) -> Config:
    return config_from_mapping(
        {"connection": {"url": "wss://h"}, "plugin": {"p": table}},
        base=Path("/base"),
        environ={"T": "canary"},
    )


def problems(**table: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config(**table).plugin("p", Table)
    said = [str(problem) for problem in caught.value.problems]
    assert "canary" not in str(said)
    return said


def test_a_table_becomes_its_class() -> None:
    """Each field in its type, also within lists and tables."""
    settings = config(
        share=1,
        level=1,
        words=["a"],
        limits={"x": 1},
        secrets={"s": {"env": "T"}},
        sinks=[{"kind": "jsonl", "path": "f"}, {"kind": "webhook", "secret": {"env": "T"}}],
        nested={"low": 1, "high": 2},
    ).plugin("p", Table)

    assert settings == Table(
        share=1.0,
        level=Level.ONE,
        words=("a",),
        limits={"x": 1},
        secrets={"s": Secret("canary")},
        sinks=(File(Path("/base/f"), "jsonl"), Webhook(Secret("canary"))),
        nested=Pair(1, 2),
    )
    assert type(settings.share) is float


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"number": True}, "plugin.p.number: expected an integer, got true"),
        ({"number": 2.0}, "plugin.p.number: expected an integer, got 2.0"),
        ({"number": "2"}, 'plugin.p.number: expected an integer, got "2"'),
        ({"share": True}, "plugin.p.share: expected a finite number, got true"),
        ({"share": float("nan")}, "plugin.p.share: expected a finite number, got nan"),
        ({"share": 10**400}, "plugin.p.share: expected a finite number, got a much larger number"),
        ({"flag": "false"}, 'plugin.p.flag: expected true or false, got "false"'),
        ({"flag": 0}, "plugin.p.flag: expected true or false, got 0"),
        ({"wait": -1}, "plugin.p.wait: expected number of seconds from 0 to 1000000000, got -1"),
        ({"level": "lo"}, 'plugin.p.level: expected one of low, 1 (did you mean `low`?), got "lo"'),
        ({"level": True}, "plugin.p.level: expected one of low, 1, got true"),
        ({"words": "a"}, "plugin.p.words: expected a list, got a string"),
        ({"words": ["a", 1]}, "plugin.p.words[1]: expected a string, got 1"),
        ({"limits": {"x": "1"}}, 'plugin.p.limits.x: expected an integer, got "1"'),
        ({"limits": [1]}, "plugin.p.limits: expected a table, got a list"),
        ({"nested": {"lo": 1}}, "plugin.p.nested.lo: unknown key (did you mean `low`?)"),
        ({"nested": "x"}, "plugin.p.nested: expected a table, got a string"),
        ({"made": 1}, "plugin.p.made: unknown key; known: "),
        ({"number": None}, "plugin.p.number: expected an integer, got a NoneType"),
    ],
)
def test_s19_nothing_is_coerced(table: dict[str, Any], problem: str) -> None:
    """A value has the type that is asked for, or is refused with its key."""
    [said] = problems(**table)

    assert said.startswith(problem)


@pytest.mark.parametrize(
    "table",
    [
        {"keys": "canary"},
        {"keys": ["canary"]},
        {"secrets": "canary"},
        {"secrets": {"s": "canary"}},
        {"sinks": "canary"},
        {"sinks": ["canary"]},
        {"sinks": [{"kind": "webhook", "secret": "canary"}]},
        {"sinks": [{"kind": "canary"}]},
        {"sinks": [{"kind": ["canary"]}]},
    ],
)
def test_p21_what_may_be_a_secret_is_not_repeated(table: dict[str, Any]) -> None:
    """Also where a whole list or table was asked for (`problems` looks for the canary)."""
    assert len(problems(**table)) == 1


def test_a_kind_that_does_not_exist_is_told_the_near_one() -> None:
    """And one that is missing, all of them."""
    assert problems(sinks=[{"kind": "webhok"}, {"path": "x"}]) == [
        "plugin.p.sinks[0]: expected `kind` to be one of file, jsonl, webhook"
        " (did you mean `webhook`?)",
        "plugin.p.sinks[1]: expected `kind` to be one of file, jsonl, webhook",
    ]


def test_p19_a_validators_words_stand_at_its_key() -> None:
    """Beside every other mistake of the table, though attrs alone would stop at the first."""
    assert problems(number=3, share="x", nested={"low": 2, "high": 1}) == [
        "plugin.p.number: number must be even",
        'plugin.p.share: expected a finite number, got "x"',
        "plugin.p.nested: high is below low",
    ]


def test_an_exception_that_shows_values_is_named_only() -> None:
    """Only what a validator says with ValueError or TypeError is meant for people."""

    def _fails(_: object, __: object, value: str) -> None:
        raise RuntimeError(value)

    cls = attrs.make_class("Odd", {"text": attrs.field(type=str, validator=_fails)})

    with pytest.raises(ConfigError) as caught:
        config(text="canary").plugin("p", cls)

    assert str(caught.value) == "plugin.p.text: does not fit (RuntimeError)"


def test_a_plugin_without_a_table_gets_its_defaults() -> None:
    """Or is told the key that has none."""
    assert config_from_mapping({"connection": {"url": "wss://h"}}).plugin("p", Table) == Table()

    with pytest.raises(ConfigError, match=r"plugin\.p\.secret: this key is required"):
        config().plugin("p", Webhook)


def test_a_default_path_starts_at_the_files_folder_too(tmp_path: Path) -> None:
    """It means what it would mean in the file, whatever folder the process was started in."""

    @attrs.frozen
    class Log:
        path: Path = Path("var/log")

    file = tmp_path / "trunkline.toml"
    file.write_text('[connection]\nurl = "ws://localhost"\n[plugin.log]\n')
    assert load_config(file).plugin("log", Log).path == tmp_path / "var/log"
    file.write_text('[connection]\nurl = "ws://localhost"\n')
    assert load_config(file).plugin("log", Log).path == tmp_path / "var/log"


def test_lines_are_told_in_plugin_tables_too(tmp_path: Path) -> None:
    """A missing key is at its table's line, others at their own."""
    path = tmp_path / "trunkline.toml"
    path.write_text('connection.url = "wss://h"\n\n[plugin.p]\nkind = "x"\nkid = 1\n')

    with pytest.raises(ConfigError) as caught:
        load_config(path).plugin("p", File)

    assert [str(problem) for problem in caught.value.problems] == [
        "trunkline.toml:3 plugin.p.path: this key is required",
        'trunkline.toml:4 plugin.p.kind: expected one of file, jsonl, got "x"',
        "trunkline.toml:5 plugin.p.kid: unknown key (did you mean `kind`?)",
    ]


def test_p21_a_plugins_secret_file_is_warned_about_when_it_is_read(tmp_path: Path) -> None:
    """Once, however often the table is asked for."""
    secret = tmp_path / "hook"
    secret.write_text("canary\n")
    secret.chmod(0o644)
    path = tmp_path / "trunkline.toml"
    path.write_text('connection.url = "wss://h"\n[plugin.p]\nsecret = { file = "hook" }\n')
    loaded = load_config(path)
    assert not loaded.warnings

    assert loaded.plugin("p", Webhook) == loaded.plugin("p", Webhook)

    assert loaded.warnings == (f"the secret in {secret} can be read by others; chmod 600 it",)


def test_masked_shows_the_settings_of_known_plugins() -> None:
    """Secrets aside, at any depth."""
    loaded = config(number=4, secrets={"s": {"env": "T"}}, keys=[{"env": "T"}])

    masked = loaded.masked({"p": loaded.plugin("p", Table)})["plugin"]["p"]

    assert (masked["number"], masked["level"]) == (4, "low")
    assert (masked["secrets"], masked["keys"]) == ({"s": "***"}, ["***"])
    assert "canary" not in str(masked)
