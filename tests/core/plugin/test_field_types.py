"""Which field types a plugin's config class may ask for."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import attrs
import pytest

from trunkline.config import Range, config_from_mapping
from trunkline.plugin.field_types import field_problems
from trunkline.plugin_api import Seconds, Secret


class Colour(Enum):
    RED = "red"


@attrs.frozen
class File:
    path: Path
    kind: Literal["file"] = "file"


@attrs.frozen
class Net:
    url: str
    kind: Literal["net"] = "net"


@attrs.frozen
class Nameless:
    url: str


@attrs.frozen
class Everything:
    text: str
    number: int
    share: float
    flag: bool
    wait: Seconds
    path: Path
    secret: Secret
    open: str | Secret
    hidden: str | Secret
    lent: str | Secret | None
    word: Literal["a", "b"]
    colour: Colour
    words: tuple[str, ...]
    table: Mapping[str, int]
    anything: Mapping[str, Any]
    nested: File
    either: File | Net
    many: tuple[File | Net, ...]
    perhaps: int | None
    port: Annotated[int, Range("port", 1, 65535)]
    made: datetime = attrs.field(init=False, factory=datetime.now)


TABLE = {
    "text": "x",
    "number": 1,
    "share": 1,
    "flag": True,
    "wait": 2.5,
    "path": "a/b",
    "secret": {"env": "CANARY"},
    "open": "x",
    "hidden": {"env": "CANARY"},
    "lent": {"env": "CANARY"},
    "word": "a",
    "colour": "red",
    "words": ["x"],
    "table": {"x": 1},
    "anything": {"x": []},
    "nested": {"path": "c"},
    "either": {"kind": "net", "url": "u"},
    "many": [{"kind": "file", "path": "d"}],
    "perhaps": 3,
    "port": 80,
}


def test_p19_every_listed_type_passes() -> None:
    """Fields that are not initialised are the class's own business."""
    assert list(field_problems(Everything)) == []


def test_p19_what_passes_can_be_structured() -> None:
    """The list here and the converter of the configuration agree."""
    config = config_from_mapping(
        {"connection": {"url": "ws://localhost"}, "plugin": {"one": TABLE}},
        base=Path("/base"),
        environ={"CANARY": "canary"},
    )

    settings = config.plugin("one", Everything)

    secret = Secret("canary")
    assert (settings.open, settings.hidden, settings.lent) == ("x", secret, secret)
    assert (settings.nested, settings.either) == (File(Path("/base/c")), Net("u"))
    assert settings.many == (File(Path("/base/d")),)


@pytest.mark.parametrize(
    "kind",
    [
        Any,
        list[str],
        set[str],
        datetime,
        object,
        tuple[str, int],
        Mapping[int, str],
        dict[str, list[int]],
        int | str,
        File | Nameless,
        Annotated[int, "a note"],
        tuple[datetime, ...],
        None,
    ],
    ids=str,
)
def test_p19_any_other_type_is_refused(kind: Any) -> None:
    """The class and the field are named, and what there is instead."""
    cls = attrs.make_class("Table", {"field": attrs.field(type=kind)})

    [problem] = field_problems(cls)

    assert problem.startswith("`Table.field`: no table holds")


@attrs.frozen
class Tree:
    name: str
    children: "tuple[Tree, ...]" = ()


def test_p19_a_class_that_holds_itself_is_refused() -> None:
    """The audit and the schema would never come to its end."""
    [problem] = field_problems(Tree)

    assert problem.startswith("test_field_types.py:")
    assert "`Tree.children`: the class would hold itself" in problem


def test_p19_a_type_that_does_not_exist_at_run_time_is_named() -> None:
    """Imported for the checker alone: cattrs would fail on it with a traceback."""

    @attrs.frozen
    class Table:
        field: "NotImported"  # type: ignore[name-defined] # noqa: F821 - what is tested

    [problem] = field_problems(Table)

    assert "NotImported" in problem
