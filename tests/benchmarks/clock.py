"""Latencies: from the stamp of the sender, on a clock that both processes share."""

import time

WARM_UP = 0.1  # the share of messages at the beginning that does not count


class Latencies:
    """How old each message was when it arrived."""

    def __init__(self) -> None:
        self._found: list[int] = []  # ns

    def __len__(self) -> int:
        return len(self._found)

    def add(self, sent: str) -> None:
        """Note a message with the sender's stamp, in nanoseconds."""
        self._found.append(time.monotonic_ns() - int(sent))

    def summary(self, count: int) -> dict[str, float]:
        """Return p50 and p99 in milliseconds, the warm-up left out."""
        assert len(self._found) == count, f"{len(self._found)} of {count} messages arrived"
        steady = sorted(self._found[int(count * WARM_UP) :])
        return {
            "p50": steady[len(steady) // 2] / 1e6,
            "p99": steady[int(len(steady) * 0.99)] / 1e6,
        }
