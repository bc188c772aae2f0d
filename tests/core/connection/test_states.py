"""The table of connection states."""

import itertools

import pytest

from trunkline.connection.states import NEXT, ConnectionState, check
from trunkline.errors import StateError

# the table of the documentation, written out a second time: {state: what may follow}
PROMISED = {
    "disconnected": {"connecting", "failed"},
    "connecting": {"connected", "reconnecting", "draining", "failed"},
    "connected": {"reconnecting", "draining", "failed"},
    "reconnecting": {"connected", "blocked", "draining", "failed"},
    "blocked": {"connected", "draining", "failed"},
    "draining": {"disconnected", "failed"},
    "failed": {"disconnected"},
}


@pytest.mark.parametrize(
    ("old", "new"), list(itertools.product(ConnectionState, repeat=2)), ids=lambda s: s.value
)
def test_st1_every_pair_is_allowed_or_refused(old: ConnectionState, new: ConnectionState) -> None:
    """All 49 pairs: what is promised is allowed, the rest is refused by name."""
    if new.value in PROMISED[old.value]:
        check(old, new)
    else:
        with pytest.raises(StateError, match=f"{old.value} cannot become {new.value}"):
            check(old, new)


def test_every_state_has_a_way_out() -> None:
    """No state is a trap: from each one a fresh start can be reached."""
    for state in ConnectionState:
        seen = {state}
        while new := {after for before in seen for after in NEXT[before]} - seen:
            seen |= new
        assert ConnectionState.DISCONNECTED in seen
