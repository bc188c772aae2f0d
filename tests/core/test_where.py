"""The condition language: what holds, what is refused, and that nothing takes long."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline.where import WhereError, compile_where, dig, key_reader

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=2), inner),
    max_leaves=8,
)
DATA = st.dictionaries(st.sampled_from(["a", "b", "c"]), JSON)
PATHS = st.sampled_from(["a", "b", "c", "a.a", "a.b"])
VALUES = SCALARS | st.lists(SCALARS, min_size=1, max_size=3)
OPERATORS = st.one_of(
    st.fixed_dictionaries({"ne": VALUES}),
    st.fixed_dictionaries({"gt": st.integers() | st.text(max_size=2)}),
    st.fixed_dictionaries({"prefix": st.text(max_size=2)}),
)
WHERES = st.dictionaries(PATHS, VALUES | OPERATORS, max_size=4)


@pytest.mark.parametrize(
    ("where", "data", "holds"),
    [
        ({}, {"a": 1}, True),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": True}, {"a": True}, True),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": None}, {}, True),
        ({"a": None}, {"a": 0}, False),
        ({"a": ["x", "y"]}, {"a": "y"}, True),
        ({"a": {"x", "y"}}, {"a": "z"}, False),
        ({"a": ("x",)}, {"a": ["x"]}, False),
        ({"a": "x"}, {"a": {"x": 1}}, False),
        ({"a.b.c": 1}, {"a": {"b": {"c": 1}}}, True),
        ({"a.b.c": 1}, {"a": {"b": 1}}, False),
        ({"a.b": 1}, {"a.b": 1}, False),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
        ({"a": {"ne": 1}}, {"a": 2}, True),
        ({"a": {"ne": 1}}, {"a": 1}, False),
        ({"a": {"ne": 1}}, {"a": True}, True),
        ({"a": {"ne": [1, 2]}}, {"a": 2}, False),
        ({"a": {"ne": 1}}, {"a": [1]}, True),
        ({"a": {"gt": 1}}, {"a": 1.5}, True),
        ({"a": {"gt": 1}}, {"a": 1}, False),
        ({"a": {"ge": 1}}, {"a": 1}, True),
        ({"a": {"lt": 1}}, {"a": 0}, True),
        ({"a": {"le": 1}}, {"a": 2}, False),
        ({"a": {"gt": 1, "lt": 3}}, {"a": 2}, True),
        ({"a": {"gt": 1, "lt": 3}}, {"a": 3}, False),
        ({"a": {"gt": 0}}, {"a": True}, False),
        ({"a": {"gt": 1}}, {"a": "2"}, False),
        ({"a": {"lt": "b"}}, {"a": "a"}, True),
        ({"a": {"lt": "b"}}, {"a": 1}, False),
        ({"a": {"gt": 1}}, {}, False),
        ({"a": {"prefix": "ap"}}, {"a": "approval"}, True),
        ({"a": {"prefix": "ap"}}, {"a": "xap"}, False),
        ({"a": {"prefix": "ap"}}, {"a": ["ap"]}, False),
    ],
)
def test_where_condition_holds_or_not(
    where: Mapping[str, Any], data: Mapping[str, Any], holds: bool
) -> None:
    """Values, collections, paths and operators mean what they say; kinds are never mixed."""
    assert compile_where(where).holds(data) is holds


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ({"payload.n": {"gte": 1}}, ["payload.n", "'gte'", "did you mean"]),
        ({"a": {"matches": "x"}}, ["a:", "matches", "prefix"]),
        ({"a": {3: "x"}}, ["a:", "no operator 3"]),
        ({"a": {}}, ["a:", "no operator"]),
        ({"a": []}, ["a:", "empty"]),
        ({"a": [[1]]}, ["a:", "list"]),
        ({"a": object()}, ["a:", "object"]),
        ({"a": b"xy"}, ["a:", "bytes"]),
        ({"a": {"gt": None}}, ["a.gt", "number"]),
        ({"a": {"lt": True}}, ["a.lt", "number"]),
        ({"a": {"prefix": 1}}, ["a.prefix", "string"]),
        ({"a": {"ne": {}}}, ["a:", "dict"]),
        ({"a..b": 1}, ["a..b", "dotted path"]),
        ({"": 1}, ["dotted path"]),
        ({3: 1}, ["3", "dotted path"]),
    ],
)
def test_where_unusable_is_refused_with_path_and_way_out(where: Any, told: list[str]) -> None:
    """A mistake is named where it stands, with the nearest thing that would be right."""
    with pytest.raises(WhereError) as caught:
        compile_where(where)
    for words in told:
        assert words in str(caught.value)


@settings(deadline=None)
@given(WHERES, DATA)
def test_where_split_says_the_same_as_the_whole(
    where: Mapping[str, Any], data: Mapping[str, Any]
) -> None:
    """What an index finds by key, and the rest behind it, agree with the condition."""
    whole = compile_where(where)
    lookup, rest = whole.split()
    found = lookup is None or key_reader(lookup.paths)(data) in lookup.keys
    assert (found and (rest is None or rest.holds(data))) is whole.holds(data)


def test_where_split_of_equalities_leaves_nothing_to_judge() -> None:
    """Several equalities are one look-up, whatever the order they were written in."""
    one, rest = compile_where({"type": "x", "payload.id": ["a", "b"]}).split()
    other, _ = compile_where({"payload.id": "c", "type": "x"}).split()
    assert rest is None
    assert one is not None
    assert other is not None
    assert one.paths == other.paths
    assert len(one.keys) == 2


def test_where_split_does_not_multiply_without_end() -> None:
    """Two long collections make as many entries as the shorter one has values."""
    where = {"a": range(1000), "b": range(300)}
    lookup, rest = compile_where(where).split()
    assert lookup is not None
    assert (lookup.paths, len(lookup.keys)) == ((("b",),), 300)
    assert rest is not None
    assert rest.holds({"a": 5})
    assert not rest.holds({"a": -5})


def test_dig_goes_through_any_mapping() -> None:
    """Read-only views and plain dicts are one; everything else is a dead end."""
    from types import MappingProxyType

    assert dig({"a": MappingProxyType({"b": 1})}, ("a", "b")) == 1
    assert dig({"a": [1]}, ("a", "0")) is None


LONG = "a" * 10_000
DEEP: dict[str, Any] = {}
for _ in range(900):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    ("where", "data"),
    [
        ({"a": LONG}, {"a": LONG[:-1] + "b"}),
        ({"a": {"prefix": LONG}}, {"a": LONG[:-1]}),
        ({"a": {"gt": LONG}}, {"a": LONG + "b"}),
        ({".".join(LONG[:5000]): 1}, DEEP),
        ({LONG: 1}, {LONG: 1}),
        ({"a": list(LONG)}, {"a": LONG}),
        ({"a": ["a" * n for n in range(1, 141)]}, {"a": "a" * 141}),  # 10,000 characters in all
        ({"a": {"ne": LONG}}, {"a": list(LONG)}),
        ({"a": "(a+)+$"}, {"a": LONG + "b"}),
    ],
)
def test_s14_where_is_quick_on_adversarial_pairs(
    where: Mapping[str, Any], data: Mapping[str, Any]
) -> None:
    """Ten thousand characters on both sides are judged in less than 10 ms."""
    conditions = compile_where(where)
    shortest = min(_seconds(lambda: conditions.holds(data)) for _ in range(3))
    assert shortest < 0.010


def test_s14_a_misspelt_operator_of_any_length_is_refused_quickly() -> None:
    """The nearest name is looked for without comparing at length."""

    def refused() -> None:
        with pytest.raises(WhereError):
            compile_where({"a": {LONG: 1}})

    assert min(_seconds(refused) for _ in range(3)) < 0.010


def _seconds(function: Any) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started
