"""A link with the lane, and without it: nothing that is promised depends on which it is."""

from typing import Any

import pytest

DEFAULTS: dict[str, Any] = {}
"""What the benches give every link, unless a test says otherwise."""


def both_ways(metafunc: pytest.Metafunc) -> None:
    """Run a test twice; for a conftest's `pytest_generate_tests`, beside `fast_lane`."""
    metafunc.parametrize("fast_lane", [True, False], ids=["lane", "no-lane"], indirect=True)


@pytest.fixture(autouse=True)
def fast_lane(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Say whether the links of this test have the lane."""
    is_on: bool = getattr(request, "param", True)
    monkeypatch.setitem(DEFAULTS, "fast_lane", is_on)
    return is_on
