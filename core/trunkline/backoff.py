"""How long to wait before the next try: arithmetic only; chance and time are arguments.

Shared by the connection, plugins and sinks. Full jitter, because everybody who was cut off at
the same moment would otherwise come back at the same moment (connection.md §4).
"""

import random

import attrs

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

    def delay(self, n: int, hint: float | None, rng: random.Random) -> float:
        """Return the seconds to wait after the failure number `n` (0 for the first).

        `hint` is the least wait the other side asked for, in seconds.
        """
        ceiling = min(self.cap, self.first * 2 ** min(n, MAX_EXPONENT))
        drawn = rng.uniform(min(self.floor, ceiling), ceiling)
        return max(drawn, hint or 0.0)


#: Plugins and sinks: 1 s to 60 s (plugins P15, activity A26).
WORK = Backoff(first=1.0, cap=60.0, floor=1.0)
