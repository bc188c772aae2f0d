"""How long an execution has run, by clocks of which none is trusted alone.

An execution is as old as the server's clock says, which is told by the median of the last events'
times, so that a few wrong ones move nothing. It is never younger than the time since it was first
seen here, by Trio's clock: that holds where no event comes any more, and where none ever came. One
that was seen to start is never older than that time and a little.
"""

from collections import deque
from collections.abc import Container
from datetime import datetime
from statistics import median_low

import trio

from trunkline import Event
from trunkline_plugins.asking import moment
from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.types import ExecutionStarted

EVENTS = 9  # whose times are remembered
ENOUGH = 3  # fewer could not outvote a wrong one
SKEW = 5.0  # s that the news of a start may have been on its way


class Ages:
    """The ages of the executions of a table."""

    def __init__(self) -> None:
        self._ahead: deque[float] = deque(maxlen=EVENTS)  # s, the server's clock before Trio's
        self._seen_at: dict[str, float] = {}  # {execution: Trio's time}
        self._begun: set[str] = set()  # whose start was seen

    def saw(self, event: Event, execution: Execution) -> None:
        """Take in a live event, which has just happened."""
        if execution.id not in self._seen_at and event.type == ExecutionStarted.type:
            self._begun.add(execution.id)
        if (said_at := moment(event.get("timestamp"))) is not None:
            self._ahead.append(said_at.timestamp() - trio.current_time())

    def age(self, execution: Execution) -> float:
        """Return how many seconds it has run."""
        now = trio.current_time()
        at_least = now - self._seen_at.setdefault(execution.id, now)
        at_most = at_least + SKEW if execution.id in self._begun else None
        by_server = self._by_server(now, execution.started_at)
        age = at_least if by_server is None else max(at_least, by_server)
        return age if at_most is None else min(age, at_most)

    def forget_others(self, ids: Container[str]) -> None:
        """Forget the executions that are not among `ids`."""
        self._seen_at = {id_: at for id_, at in self._seen_at.items() if id_ in ids}
        self._begun = {id_ for id_ in self._begun if id_ in ids}

    def _by_server(self, now: float, since: datetime) -> float | None:
        if len(self._ahead) < ENOUGH:
            return None
        return now + median_low(self._ahead) - since.timestamp()
