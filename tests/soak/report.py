"""The figures of a soak."""

from collections import Counter
from collections.abc import Callable, Sequence

import attrs
from tests.soak.host import Usage

MOST_DESCRIPTORS = 0.2  # a minute, over the second half; a leak of one for each fault is 2
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

    def slope(self, value: Callable[[Usage], float]) -> float:
        """Return how a figure grew over the second half, a minute."""
        half = self.usage[len(self.usage) // 2 :]
        return _slope([each.at for each in half], [value(each) for each in half]) * 60

    @property
    def is_flat(self) -> bool:
        """Descriptors, threads and memory do not grow."""
        if len(self.usage) < 4:
            return True
        return (
            self.slope(lambda each: each.descriptors) <= MOST_DESCRIPTORS
            and self.slope(lambda each: each.threads) <= MOST_DESCRIPTORS
            and self.slope(lambda each: each.rss_bytes) <= MOST_BYTES
        )

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
                f"host: {last.rss_bytes / 2**20:.1f} MiB ({self.slope(lambda u: u.rss_bytes) / 1024:+.1f}"
                f" KiB/min), {last.descriptors} descriptors"
                f" ({self.slope(lambda u: u.descriptors):+.2f}/min), {last.threads} threads"
                f" ({self.slope(lambda u: u.threads):+.2f}/min)"
            )
        lines.append("flat" if self.is_flat else "NOT FLAT: something grows")
        return "\n".join(lines)


def _slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the slope of the least squares line; 0 for fewer than two points."""
    if len(xs) < 2:
        return 0.0
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((each - x) ** 2 for each in xs)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / spread
