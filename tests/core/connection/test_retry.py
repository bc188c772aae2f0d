"""When to try again: waits, counters and the herd."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import backoff
from trunkline.connection.close_policy import Loss
from trunkline.connection.retry import RetryPlan

RESTART = Loss("closed", code=1012)
RETRY = Loss("closed", code=1000)
SLOW = Loss("tls")
REFUSAL = Loss("refusal")


def plan(seed: int = 1, backoff_max: float = 30.0) -> RetryPlan:
    return RetryPlan(backoff_max, random.Random(seed))


@given(st.integers(0, 2**32), st.integers(0, 60), st.floats(1, 600))
def test_a_retry_is_drawn_under_its_ceiling(seed: int, failures: int, cap: float) -> None:
    """Full jitter: at least a tenth of a second, at most the doubled ceiling and the cap."""
    retry = plan(seed, cap)
    for n in range(failures + 1):
        wait = retry.after(RETRY).wait
        assert 0.1 <= wait <= min(cap, 2 * 2 ** min(n, 10))


def test_a_stable_epoch_makes_the_next_failure_a_first_one() -> None:
    """Only stability resets the counter; being READY does not."""
    retry = plan()
    for _ in range(8):
        retry.after(RETRY)
    retry.ready()
    assert max(retry.after(RETRY).wait for _ in range(50)) > 2.0
    retry.stable()
    assert retry.after(RETRY).wait <= 2.0


def test_slow_causes_wait_longer_each_time_and_forget_after_another_cause() -> None:
    """30, 60, 120, 240, 300, 300 seconds, each within a fifth."""
    retry = plan()
    steps = (30, 60, 120, 240, 300, 300)
    for step in steps:
        assert 0.8 * step <= retry.after(SLOW).wait <= 1.2 * step
    retry.after(RETRY)
    assert retry.after(SLOW).wait <= 36


def test_cr3_a_second_refusal_blocks_and_ready_unblocks() -> None:
    """The first refusal is tried again at once, the second one means blocked."""
    retry = plan()
    first, second = retry.after(REFUSAL), retry.after(REFUSAL)
    assert (first.wait, first.is_blocked) == (0.0, False)
    assert second.is_blocked
    assert 24 <= second.wait <= 36
    assert retry.after(RETRY).is_blocked  # another fault on the way does not leave it
    retry.ready()
    assert not retry.after(REFUSAL).is_blocked


@pytest.mark.parametrize(
    ("hint", "low", "high"),
    [(None, 5, 35), (20.0, 20, 24), (1e8, 300, 360), (-3.0, 0.1, 5), (0.01, 0.1, 5)],
)
def test_a_busy_server_is_given_its_time_within_reason(
    hint: float | None, low: float, high: float
) -> None:
    """A hint is a minimum, spread by a fifth and clamped at five minutes."""
    for seed in range(50):
        wait = plan(seed).after(Loss("rejected", status=503, retry_after=hint)).wait
        assert low <= wait <= high


def test_a_hint_is_the_least_wait_of_the_shared_backoff() -> None:
    """Sinks and plugins wait at least as long as they were told."""
    rng = random.Random(3)
    assert backoff.WORK.delay(0, 45.0, rng) == 45.0
    assert 1.0 <= backoff.WORK.delay(20, None, rng) <= 60.0


def first_attempts(loss: Loss, clients: int = 10_000) -> Counter[int]:
    """Return how many of a herd come back in each tenth of a second."""
    rng = random.Random(1)
    return Counter(int(RetryPlan(30.0, rng).after(loss).wait * 10) for _ in range(clients))


def test_acceptance_04_a_herd_told_to_restart_comes_back_spread_out() -> None:
    """Of 10,000 clients told 1012 at once no tenth of a second holds over 3 % of first attempts."""
    peak = max(first_attempts(RESTART).values())
    bare = max(first_attempts(Loss("closed")).values())
    print(f"peak per 100 ms: {peak / 100:.1f} % after 1012, {bare / 100:.1f} % after end of file")  # noqa: T201 - a figure to read, not to gate
    assert peak <= 300


def test_acceptance_04_a_herd_told_when_to_come_is_not_early() -> None:
    """503 with Retry-After 20: nobody before, and no tenth of a second holds over 3 %."""
    back = first_attempts(Loss("rejected", status=503, retry_after=20.0))
    assert min(back) >= 200
    assert max(back.values()) <= 300
