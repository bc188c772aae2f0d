"""Plans of faults: read from text, and carried out to the byte."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import UsageError
from trunkline.simulator import Fault, Plan
from trunkline.simulator.plan import Way


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("mute", Fault(kind="mute")),
        ("cut@1000b", Fault(kind="cut", at_byte=1000)),
        ("stall:in@5s", Fault(kind="stall", direction="in", at=5.0)),
        ("half_open@0.5s", Fault(kind="half_open", direction="out", at=0.5)),
        ("corrupt:out@0.001/b", Fault(kind="corrupt", direction="out", rate=0.001)),
        (" reset ", Fault(kind="reset", direction="both")),
    ],
)
def test_fault_is_read_from_text(text: str, fault: Fault) -> None:
    """KIND[=VALUE][:DIRECTION][@WHEN]."""
    assert Fault.parse(text) == fault


def test_plan_is_read_from_text_with_values_and_seed() -> None:
    """The value is the size of a slice, the latency of a delay."""
    plan = Plan.parse("slice=7, delay=0.25:in,", seed=3)
    assert [fault.kind for fault in plan.faults] == ["slice", "delay"]
    assert plan.faults[0].size == 7
    assert plan.faults[1].latency == 0.25
    assert plan.faults[1].direction == "in"
    assert plan.seed == 3


@pytest.mark.parametrize(
    "text", ["explode", "cut@", "cut@5", "cut@1.5b", "=3", "stall:up", "cut b"]
)
def test_what_is_no_fault_is_refused_with_the_way_to_write_one(text: str) -> None:
    """The text names the kinds."""
    with pytest.raises(UsageError, match="half_open"):
        Plan.parse(text)


@given(
    cut=st.integers(0, 300),
    size=st.integers(1, 50),
    flip=st.integers(0, 300),
    seed=st.integers(0, 9),
)
def test_way_never_passes_a_byte_beyond_its_cut(cut: int, size: int, flip: int, seed: int) -> None:
    """Whatever else happens to the bytes, as many arrive as the plan says, one bit apart."""
    data = bytes(range(200))
    faults = (
        Fault(kind="cut", at_byte=cut),
        Fault(kind="slice", size=size),
        Fault(kind="corrupt", at_byte=flip),
    )
    way = Way(faults, random.Random(seed))
    found, rest = b"", data
    way.advance(0.0)
    while rest and way.passage.value == "open":
        count = way.room(len(rest))
        assert 1 <= count <= size
        found += way.carry(rest[:count])
        rest = rest[count:]
        way.advance(0.0)
    assert len(found) == min(cut, len(data))
    damaged = sum(a != b for a, b in zip(found, data, strict=False))
    assert damaged == (flip < len(found))
