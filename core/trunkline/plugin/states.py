"""The five states of a plugin, and the one table of what may follow what (plugins P9).

Nothing here knows how a plugin is loaded or run. Only `PluginRecord.moved` changes a state,
through `check`, which refuses what the table does not list.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from trunkline.errors import StateError


class PluginState(Enum):
    """Where a plugin stands, as an operator sees it."""

    #: switched off: it was never imported
    DISABLED = "disabled"
    #: it did not load, or said itself that a person must act
    FAILED = "failed"
    #: to be started or restarted
    WAITING = "waiting"
    #: up; a plugin without a task is up as long as the host is
    RUNNING = "running"
    #: the host has ended
    STOPPED = "stopped"


_S = PluginState

#: {state: the states that may follow}
NEXT: Mapping[PluginState, frozenset[PluginState]] = {
    _S.DISABLED: frozenset(),
    _S.FAILED: frozenset(),
    _S.WAITING: frozenset({_S.RUNNING, _S.FAILED, _S.STOPPED}),
    _S.RUNNING: frozenset({_S.WAITING, _S.FAILED, _S.STOPPED}),
    _S.STOPPED: frozenset(),
}

#: How far a plugin came. All but the last are synchronous and only declare.
Phase = Literal["find", "import", "audit", "configure", "register", "compile", "run"]


def check(old: PluginState, new: PluginState) -> None:
    """Refuse a change that the table does not list.

    Raises:
        StateError: `new` may not follow `old`.
    """
    if new not in NEXT[old]:
        raise StateError(f"a plugin that is {old.value} cannot become {new.value}")
