"""How long to wait before the next try: arithmetic only; chance and time are arguments.

Shared by the connection, plugins and sinks. Full jitter, because everybody who was cut off at
the same moment would otherwise come back at the same moment (connection.md §4).
"""

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    import random

MAX_EXPONENT = 10  # 2 ** 10 times the base is beyond every cap; keeps the power small
LEAST_WAIT = 0.1  # s; below it a retry is a busy loop


@attrs.frozen
class Backoff:
    """An exponential ceiling under which the wait is drawn evenly.

    `first` and `cap` are seconds: the ceiling is `min(cap, first * 2 ** n)`.
    """

    first: float = 2.0
    cap: float = 30.0
    floor: float = LEAST_WAIT

    def delay(self, n: int, hint: float | None, rng: "random.Random") -> float:
        """Return the seconds to wait after the failure number `n` (0 for the first).

        `hint` is the least wait the other side asked for, in seconds.
        """
        ceiling = min(self.cap, self.first * 2 ** min(n, MAX_EXPONENT))
        drawn = rng.uniform(min(self.floor, ceiling), ceiling)
        return max(drawn, hint or 0.0)


#: Plugins and sinks: 1 s to 60 s (plugins P15, activity A26).
WORK = Backoff(first=1.0, cap=60.0, floor=1.0)

LONGEST_HINT = 300.0  # s; a server may ask for more, and does not get it

RESTART_WINDOW = (LEAST_WAIT, 5.0)  # s; everybody was cut off at the same moment
BUSY_WINDOW = (5.0, 35.0)  # s; without a hint
HINT_SPREAD = (1.0, 1.2)  # times the hint, so that not all come at its end
SLOW_STEPS = (30.0, 60.0, 120.0, 240.0, 300.0)  # s; nothing that needs a person heals faster
SLOW_SPREAD = (0.8, 1.2)


def restart_wait(rng: "random.Random") -> float:
    """Return the seconds to wait after the server said that it restarts."""
    return rng.uniform(*RESTART_WINDOW)


def busy_wait(hint: float | None, rng: "random.Random") -> float:
    """Return the seconds to wait for a server that said it is busy; `hint` is its Retry-After.

    A hint that is nothing, or a date that has just passed, must not make all come back at once.
    """
    if hint is None:
        return rng.uniform(*BUSY_WINDOW)
    return max(min(hint, LONGEST_HINT) * rng.uniform(*HINT_SPREAD), restart_wait(rng))


def slow_wait(n: int, rng: "random.Random") -> float:
    """Return the seconds to wait where a person probably has to act; `n` is 0 at first."""
    return SLOW_STEPS[min(n, len(SLOW_STEPS) - 1)] * rng.uniform(*SLOW_SPREAD)
