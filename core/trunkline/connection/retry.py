"""When to try again: the verdicts of `close_policy`, counted in a row, turned into waits.

No clock and no socket: chance is handed in, so ten thousand clients can be simulated in a second.
"""

from typing import TYPE_CHECKING

import attrs

from trunkline import backoff
from trunkline.connection.close_policy import Loss, Verdict, verdict

if TYPE_CHECKING:
    import random


@attrs.frozen
class Planned:
    """The next attempt."""

    wait: float
    """Seconds until it starts; 0 means as soon as `LEAST_SPACING` allows."""
    is_blocked: bool
    """The credentials were refused, fresh ones too."""


class RetryPlan:
    """Counts what went wrong since the link was last good, and says how long to wait."""

    def __init__(self, backoff_max: float, rng: "random.Random") -> None:
        self._backoff = backoff.Backoff(cap=backoff_max)
        self._rng = rng
        self._failures = 0  # since the last stable epoch
        self._slow = 0  # in a row
        self._refusals = 0  # since the last time the credentials were taken

    def after(self, loss: Loss) -> Planned:
        """Return what follows `loss`."""
        judged = verdict(loss)
        if judged not in {Verdict.SLOW, Verdict.REFUSAL}:
            self._slow = 0
        return Planned(self._wait(judged, loss), self._refusals > 1)

    def ready(self) -> None:
        """The credentials were taken and the topics answered."""
        self._slow = self._refusals = 0

    def stable(self) -> None:
        """The link has proved itself: the next failure is a first one."""
        self._failures = 0

    def _wait(self, judged: Verdict, loss: Loss) -> float:
        match judged:
            case Verdict.RESTART:
                return backoff.restart_wait(self._rng)
            case Verdict.BUSY:
                return backoff.busy_wait(loss.retry_after, self._rng)
            case Verdict.REFUSAL:
                self._refusals += 1
                return 0.0 if self._refusals == 1 else self._slow_wait()
            case Verdict.SLOW:
                return self._slow_wait()
            case Verdict.RETRY:
                self._failures += 1
                return self._backoff.delay(self._failures - 1, None, self._rng)

    def _slow_wait(self) -> float:
        self._slow += 1
        return backoff.slow_wait(self._slow - 1, self._rng)
