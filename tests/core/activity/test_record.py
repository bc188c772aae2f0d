"""An activity's fields and the bounded copy of what the caller gave."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.activity.record import build, moment, number, plain, size_of
from trunkline.connection.protocol import encode, encode_activity

NOW = 1_795_000_000.0


class Colour(Enum):
    RED = "red"


class Foreign:
    def __repr__(self) -> str:
        return "canary-secret"

    __str__ = __repr__


@pytest.mark.parametrize(
    ("value", "copy"),
    [
        (None, None), (True, True), (5, 5), (1.5, 1.5), ("a\0b", "a\ufffdb"), ("\ud800", "\ufffd"),
        (2**60, str(2**60)), (math.inf, None), (math.nan, None), (Colour.RED, "red"),
        (Decimal("1.5"), "1.5"), (UUID(int=1), str(UUID(int=1))),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00+00:00"),
        (Foreign(), "[Foreign]"), (b"x", "[bytes]"), ((1, 2), [1, 2]), ({"a": {"b": 1}}, {"a": {"b": 1}}),
        ("x" * 5000, "x" * 1024), (list(range(500)), list(range(64))), ({1: "not text", "b": 2}, {"b": 2}),
    ],
)  # fmt: skip
def test_a4_the_copy_is_bounded_and_holds_json_only(value: object, copy: object) -> None:
    """Known kinds are kept, anything else becomes its class's name, never its text."""
    assert plain(value) == copy


def test_a4_depth_and_width_are_bounded() -> None:
    """What is deeper than five is named, not followed; 64 keys are kept."""
    deep: Any = "end"
    for _ in range(10):
        deep = {"a": deep}
    assert orjson.dumps(plain(deep)).count(b'"a"') == 5
    assert len(plain({str(n): n for n in range(200)})) == 64


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
    ("value", "expected"), [(1, 1), (2.5, 2.5), (True, None), ("12", None), (1e300, None), (math.nan, None)]
)  # fmt: skip
def test_a_conversions_value_is_a_number_or_absent(value: object, expected: float | None) -> None:
    """The server loses a row for anything else."""
    assert number(value) == expected


def test_a11_the_whole_is_bounded_and_says_what_was_cut() -> None:
    """Metadata keys go, last first, until it is at most 32 KiB."""
    event = build("action", NOW, metadata={f"k{n}": "é" * 1000 for n in range(60)}, name="x")
    assert size_of(event) <= 32 * 1024 + 600  # the list of what was cut comes on top
    assert event.data["cut"][0] == "k59"
    assert list(event.data["metadata"]) == [f"k{n}" for n in range(len(event.data["metadata"]))]
    small = build("action", NOW, metadata={"a": 1}, name="x")
    assert "cut" not in small.data


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
)  # fmt: skip


@given(st.dictionaries(st.text(), anything, max_size=5), st.text(min_size=1), st.integers())
def test_a12_whatever_is_recorded_has_the_form_that_ends_no_session(
    metadata: dict[str, Any], name: str, at: int
) -> None:
    """A plain integer timestamp, metadata an object, text without NUL or surrogates."""
    event = build("action", NOW, at=at, metadata=metadata, name=name)
    message = orjson.loads(encode(encode_activity(event, anonymous=False)))
    assert type(message["timestamp"]) is int
    assert type(message["metadata"]) is dict
    assert 0 < len(message["action"]) <= 128
    assert "\\u0000" not in encode(message)
