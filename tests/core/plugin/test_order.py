"""Load order and the order of rules: the same on every computer."""

import random

import pytest

from trunkline.plugin.order import Needs, arrange, load_order


def test_p24_ties_are_broken_by_name() -> None:
    """Without any wish the order is the alphabet's, however they were found."""
    names = list("dbace")
    random.Random(3).shuffle(names)

    assert load_order({name: Needs() for name in names}).names == tuple("abcde")


def test_p24_requires_and_after_come_first() -> None:
    """Both put a plugin behind another; what is free still goes by name."""
    needs = {"a": Needs(after=("z",)), "b": Needs(requires=("c",)), "c": Needs(), "z": Needs()}

    assert load_order(needs).names == ("c", "b", "z", "a")


def test_p24_after_an_absent_plugin_is_ignored() -> None:
    """`after` is a wish about order and no requirement."""
    order = load_order({"a": Needs(after=("gone",))})

    assert (order.names, dict(order.refused)) == (("a",), {})


def test_p24_a_missing_requirement_fails_its_dependents_and_theirs() -> None:
    """The reason names what is lacking, at each step."""
    order = load_order({"a": Needs(requires=("b",)), "b": Needs(requires=("gone",)), "c": Needs()})

    assert order.names == ("c",)
    assert order.refused["b"] == "it requires `gone`, which is not loaded"
    assert order.refused["a"] == "it requires `b`, which is not loaded"


def test_p24_a_circle_is_printed_and_its_members_fail() -> None:
    """Who only follows a member loads; who requires one does not."""
    order = load_order(
        {
            "a": Needs(requires=("b",)),
            "b": Needs(after=("c",)),
            "c": Needs(requires=("a",)),
            "d": Needs(requires=("a",)),
            "e": Needs(after=("a",)),
        }
    )

    assert order.names == ("e",)
    assert sorted(order.refused) == ["a", "b", "c", "d"]
    assert "a -> b -> c -> a" in order.refused["a"] * 2 or "b -> c -> a -> b" in order.refused["a"]
    assert order.refused["d"] == "it requires `a`, which is not loaded"


def test_p24_a_plugin_that_requires_itself_is_a_circle() -> None:
    """The smallest one."""
    assert "a -> a" in load_order({"a": Needs(requires=("a",))}).refused["a"]


@pytest.mark.parametrize(
    ("order", "outcome"),
    [
        ((), ("a.x", "b.y", "c.z")),
        (("*",), ("a.x", "b.y", "c.z")),
        (("c.z", "*"), ("c.z", "a.x", "b.y")),
        (("*", "a.x"), ("b.y", "c.z", "a.x")),
        (("c.z", "*", "a.x"), ("c.z", "b.y", "a.x")),
        (("b.y",), ("b.y", "a.x", "c.z")),
        (("gone.q", "c.z"), ("c.z", "a.x", "b.y")),
    ],
)
def test_p24_order_overrides_load_order(order: tuple[str, ...], outcome: tuple[str, ...]) -> None:
    """`*` stands for the rest, and no rule is ever lost or asked twice."""
    assert arrange(("a.x", "b.y", "c.z"), order) == outcome
