"""Tells a link that keeps breaking from one that is away: pure, the time is handed in."""

from collections import deque

SHORT = 30.0  # s; an epoch that lives no longer has proved nothing
EPOCHS = 5
WINDOW = 300.0  # s


class Flapping:
    """Counts short epochs; an episode ends with one that lasts, or when they become rare."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=EPOCHS)
        self._is_known = False

    def ended(self, now: float, lived: float) -> bool:
        """Note an epoch that ended at `now` after `lived` seconds; True once for each episode."""
        if lived >= SHORT:
            self._ends.clear()
        else:
            self._ends.append(now)
        is_flapping = len(self._ends) == EPOCHS and now - self._ends[0] <= WINDOW
        is_new = is_flapping and not self._is_known
        self._is_known = is_flapping
        return is_new
