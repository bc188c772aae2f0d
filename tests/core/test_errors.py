"""What a plugin raises says at once when it is made wrongly: nobody else could tell its author."""

import math
from typing import Any

import pytest

from trunkline.errors import NotReady, Reject


@pytest.mark.parametrize("reasons", [{0: ValueError("no")}, {"0": "x"}, {0: None}])
def test_a_reject_takes_indexes_and_texts(reasons: Any) -> None:
    """Anything else is a mistake of the sink's, with the shape that was meant."""
    with pytest.raises(TypeError, match=r"Reject: \{index in the batch: reason as text\}, not"):
        Reject(reasons)
    assert Reject({0: "x"}).reasons == {0: "x"}


@pytest.mark.parametrize("seconds", ["5", -1, math.nan, math.inf])
def test_not_ready_takes_seconds(seconds: Any) -> None:
    """A time that nobody could wait for is a mistake of the plugin's."""
    with pytest.raises((TypeError, ValueError), match="retry_after: seconds"):
        NotReady("busy", retry_after=seconds)
    assert NotReady("busy", retry_after=0).retry_after == 0
