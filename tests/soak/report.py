"""The figures of a soak."""

from collections import Counter
from collections.abc import Callable, Sequence

import attrs
from tests.soak.host import Usage

WARM_UP = 300.0  # s in which caches, arenas and the outbox fill: not judged
LEAST_JUDGED = 300.0  # s that a slope needs
MOST_DESCRIPTORS = 0.2  # a minute; a leak of one for each fault is 2
MOST_BYTES = 256 * 1024  # a minute; a session leaked for each fault is less, and is found by tests


@attrs.define
class Report:
    """What has happened so far."""

    seconds: float = 0.0
    windows: int = 0
    """Spans with one fault each, judged one by one."""
    faults: Counter[str] = attrs.Factory(Counter)
    sent: int = 0
    delivered: int = 0
    inside_gaps: int = 0
    gaps: int = 0
    silently_lost: int = 0
    duplicates: int = 0
    commands: Counter[str] = attrs.Factory(Counter)
    activities: int = 0
    """Records that reached the server."""
    slowest_return: float = 0.0
    """s from a fault to the first marker that came through after it."""
    usage: list[Usage] = attrs.Factory(list)

    @property
    def is_judged(self) -> bool:
        """It ran long enough to tell what grows from what fills."""
        return self.seconds >= WARM_UP + LEAST_JUDGED

    @property
    def is_flat(self) -> bool:
        """Descriptors, threads and memory do not grow; true where that is not judged."""
        return not self.is_judged or (
            self.slope(lambda each: each.descriptors) <= MOST_DESCRIPTORS
            and self.slope(lambda each: each.threads) <= MOST_DESCRIPTORS
            and self.slope(lambda each: each.rss_bytes) <= MOST_BYTES
        )

    def slope(self, value: Callable[[Usage], float]) -> float:
        """Return how a figure grew a minute, after the warm-up."""
        judged = [each for each in self.usage if each.at - self.usage[0].at >= WARM_UP]
        return _slope([each.at for each in judged], [value(each) for each in judged]) * 60

    def text(self) -> str:
        """Return the report for people."""
        lines = [
            f"{self.seconds / 60:.1f} min, {self.windows} faults: "
            + ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items())),
            f"events: {self.sent} sent, {self.delivered} delivered, {self.inside_gaps} inside"
            f" {self.gaps} gaps, {self.silently_lost} silently lost, {self.duplicates} twice",
            "commands: " + ", ".join(f"{count} {name}" for name, count in self.commands.items()),
            f"activity: {self.activities} records reached the server",
            f"slowest return after a fault: {self.slowest_return:.1f} s",
        ]
        if self.usage:
            last = self.usage[-1]
            lines.append(
                f"host: {last.rss_bytes / 2**20:.1f} MiB, {last.descriptors} descriptors,"
                f" {last.threads} threads"
            )
        lines.append(self._growth())
        return "\n".join(lines)

    def _growth(self) -> str:
        if not self.is_judged:
            return f"too short to tell what grows: {(WARM_UP + LEAST_JUDGED) / 60:g} minutes do"
        return (
            f"after {WARM_UP / 60:g} minutes, a minute:"
            f" {self.slope(lambda each: each.rss_bytes) / 1024:+.1f} KiB,"
            f" {self.slope(lambda each: each.descriptors):+.2f} descriptors,"
            f" {self.slope(lambda each: each.threads):+.2f} threads:"
            f" {'flat' if self.is_flat else 'NOT FLAT, something grows'}"
        )


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the slope of the least squares line; 0 for fewer than two points."""
    if len(xs) < 2:
        return 0.0
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((each - x) ** 2 for each in xs)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / spread
