"""An activity's fields and the bounded copy of what the caller gave."""

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.activity.copying import copied
from trunkline.activity.record import fitted, moment, number
from trunkline.activity.tracker import Tracker
from trunkline.connection.protocol import encode, encode_activity

NOW = 1_795_000_000.0


class Colour(Enum):
    RED = "red"


class OwnText(str):
    __slots__ = ()

    def __getitem__(self, _: object) -> str:
        raise RuntimeError

    __str__ = __repr__ = __len__ = __getitem__  # type: ignore[assignment] # whatever they do


class OwnNumber(int):
    def __add__(self, _: object) -> int:
        raise RuntimeError


class OwnFloat(float):
    def __add__(self, _: object) -> float:
        raise RuntimeError


class Foreign:
    def __repr__(self) -> str:
        return "canary-secret"

    __str__ = __repr__


def fitted_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    data, _ = fitted({"at": 0, "metadata": copied(metadata)[0]})
    found: dict[str, Any] = data["metadata"]
    return found


@pytest.mark.parametrize(
    ("value", "copy"),
    [
        (None, None), (True, True), (5, 5), (1.5, 1.5), ("a\0b", "a\ufffdb"), ("\ud800", "\ufffd"),
        (2**60, str(2**60)), (math.inf, None), (math.nan, None), (Colour.RED, "red"), (10**5000, "[int]"),
        (Decimal("1.5"), "1.5"), (UUID(int=1), str(UUID(int=1))), (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"), (time(1, 2), "01:02:00"),
        (Foreign(), "[Foreign]"), (b"x", "[bytes]"), ((1, 2), [1, 2]), ({"a": {"b": 1}}, {"a": {"b": 1}}),
        ("x" * 5000, "x" * 1024), (list(range(500)), list(range(64))), ({1: "not text", "b": 2}, {"b": 2}),
        (OwnText("own"), "own"), (OwnNumber(5), 5), (OwnFloat(1.5), 1.5), ({"n": 2**60}, {"n": str(2**60)}),
        ([math.inf, "x" * 5000], [None, "x" * 1024]), ({str(n): n for n in range(99)}, {str(n): n for n in range(64)}),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_a4_the_copy_is_bounded_and_holds_json_only(value: object, copy: object) -> None:
    """Known kinds are kept, anything else becomes its class's name, never its text."""
    assert fitted_metadata({"key": value}) == {"key": copy}
    assert type(fitted_metadata({"key": value})["key"]) is type(copy)


def test_a4_depth_and_width_are_bounded() -> None:
    """What is deeper than five is named, not followed; 64 keys are kept."""
    deep: Any = "end"
    for _ in range(10):
        deep = {"a": [deep]}
    assert orjson.dumps(fitted_metadata(deep)).count(b'"a"') == 3
    assert len(fitted_metadata({str(n): n for n in range(200)})) == 64


@pytest.mark.parametrize(
    "huge",
    [
        {str(n): n for n in range(5000)}, {"a": list(range(5000))}, {"a": "x" * 100_000},
        {"x" * 100_000: 1}, {"a": ["x" * 1000] * 500}, {"a": {str(n): "x" * 500 for n in range(500)}},
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_a4_the_copy_takes_a_bounded_amount(huge: dict[str, Any]) -> None:
    """1,024 values and 64 KiB of text, whatever the caller gives; its size is what it says."""
    copy, size = copied(huge)
    assert len(orjson.dumps(copy)) < 96 * 1024
    assert size <= 64 * 1024 + 1024 * 16


def test_a4_later_changes_of_the_original_are_not_seen() -> None:
    """Neither at the top nor deeper."""
    given: dict[str, Any] = {"a": 1, "b": {"c": [1]}}
    copy, _ = copied(given)
    given["b"]["c"].append(2)
    given["a"] = 2
    assert copy == {"a": 1, "b": {"c": [1]}}


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (None, NOW), (int(NOW * 1000) - 5, NOW - 0.005),
        (datetime.fromtimestamp(NOW - 60, UTC), NOW - 60),
        (datetime(2026, 1, 1), NOW),  # noqa: DTZ001 - without a zone nobody knows what it means
        (0, NOW), (10**30, NOW), (True, NOW),
    ],
)  # fmt: skip
def test_a_time_that_is_not_credible_is_the_calls(at: Any, expected: float) -> None:
    """From 2000 to tomorrow; the result is always a plain int of milliseconds."""
    result = moment(at, NOW)
    assert type(result) is int
    assert result == pytest.approx(expected * 1000, abs=1)


@pytest.mark.parametrize(
    ("value", "expected"), [(1, 1), (2.5, 2.5), (True, None), ("12", None), (1e300, None), (math.nan, None),
     (OwnFloat(9.5), 9.5), (OwnNumber(5), 5.0), (Decimal("19.90"), 19.9), (Decimal("sNaN"), None), (OwnNumber(10**400), None)]
)  # fmt: skip
def test_a_conversions_value_is_a_number_or_absent(value: object, expected: float | None) -> None:
    """The server loses a row for anything else."""
    worth = number(value)
    assert worth == expected
    assert type(worth) in {int, float, type(None)}


def test_a_conversion_with_a_number_of_some_librarys_keeps_it() -> None:
    """NumPy's numbers are subclasses of `float` which no JSON writer takes."""
    tracker = Tracker(environ={}, walltime=lambda: NOW)
    tracker.track_conversion("sale", OwnFloat(9.5))
    [event] = tracker.take()
    assert event.get("value") == 9.5


@pytest.mark.parametrize(
    "value", [UUID(int=10**20), Decimal("1.5"), date(2026, 1, 2), time(1, 2), datetime(2026, 1, 1, tzinfo=UTC)]
)  # fmt: skip
def test_a4_no_key_is_cut_for_it_may_tell_of_a_secret(value: object) -> None:
    """What the copy has no room for is left out whole; the texts of other types count, too."""
    filled = {"big": "x" * 65_531, "api_token": value}
    assert list(copied(filled)[0]) == ["big"]
    nearly = {"big": "x" * 65_520, "api_token": value}
    assert list(copied(nearly)[0]) == ["big", "api_token"]
    _, empty = copied({"a": 1})
    _, used = copied({"a": value})
    assert used == empty + len(copied({"a": value})[0]["a"])
    address = copied({"big": "x" * 65_510, "at": "by postgres://app:secret@db/x"})[0]["at"]
    assert address == "by postgres:"  # and no half of its password


def test_a11_the_whole_is_bounded_and_says_what_was_cut() -> None:
    """Metadata keys go, last first, until it is at most 32 KiB."""
    data, body = fitted(
        {"at": 0, "name": "x", "metadata": {f"k{n}": "é" * 1000 for n in range(60)}}
    )
    assert len(body) <= 32 * 1024
    assert data["cut"][0] == "metadata.k59"
    assert list(data["metadata"]) == [f"k{n}" for n in range(len(data["metadata"]))]
    small, _ = fitted({"at": 0, "name": "x", "metadata": {"a": 1}})
    assert "cut" not in small


@pytest.mark.parametrize(
    ("fields", "cut"),
    [
        ({"name": "x" * 200}, ["name"]), ({"path": "/" + "x" * 600}, ["path"]), ({"subject": "a\0"}, ["subject"]),
        ({"metadata": {"element": "x" * 200, "text": "y" * 300}}, ["metadata.element", "metadata.text"]),
        ({"metadata": {"_trunkline": 1}}, ["metadata._trunkline"]), ({"metadata": {"n": math.inf}}, ["metadata.n"]),
        ({"metadata": {"n": [[[[[1]]]]]}}, ["metadata.n"]), ({"metadata": {"n": {"a": ["\0", "\0"]}}}, ["metadata.n"]),
        ({"metadata": {"n": [1] * 65}}, ["metadata.n"]), ({"metadata": {"n": {str(n): 1 for n in range(65)}}}, ["metadata.n"]),
        ({"metadata": {"n" * 200: 1}}, ["metadata." + "n" * 128]), ({"metadata": {"\ud800": 1}}, ["metadata.\ufffd"]),
        ({"metadata": {"n": {"a": {"a": {"a": {"a": {}}}}}}}, ["metadata.n"]),
    ],
)  # fmt: skip
def test_a11_each_cut_is_named(fields: dict[str, Any], cut: list[str]) -> None:
    """In the record itself, once for each field or key."""
    data, _ = fitted({"at": 0, "metadata": {}, **fields})
    assert data["cut"] == cut


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
)  # fmt: skip


@given(st.dictionaries(st.text(), anything, max_size=5), st.text(min_size=1), st.integers())
def test_a12_whatever_is_recorded_has_the_form_that_ends_no_session(
    metadata: dict[str, Any], name: str, at: int
) -> None:
    """A plain integer timestamp, metadata an object, text without NUL or surrogates."""
    tracker = Tracker(environ={}, walltime=lambda: NOW)
    tracker.track_action(name, metadata, at=at)
    [event] = tracker.take()
    message = orjson.loads(encode(encode_activity(event, anonymous=False)))
    assert type(message["timestamp"]) is int
    assert type(message["metadata"]) is dict
    assert 0 < len(message["action"]) <= 128
    assert "\\u0000" not in encode(message)
