"""F13 and the crash points: what was said to be stored is there, and nobody gets much twice."""

import random
from pathlib import Path

import pytest
from crashing import KILLED, SINKS, Pipeline

POINTS = (
    "insert",
    "inserted",
    "stored",
    "write",
    "written",
    "dead",
    "cursor",
    "settled",
    "checkpoint",
)


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_each_point_loses_nothing_that_was_stored(tmp_path: Path, point: str) -> None:
    """1 to 9 of the list: ended there at the first, and at a late time, then run to the end."""
    pipeline = Pipeline(tmp_path)
    crashes = sum(pipeline.run(crash_at=point, nth=nth) == KILLED for nth in (1, 4))
    assert crashes == 2
    assert pipeline.run() == 0
    report = pipeline.ledger.verify("B3", "B4")
    assert_each_odd_one_is_one_dead_letter(pipeline)
    assert report.stored >= 110
    assert report.repeats <= 2 * 2 * 16  # a batch for each crash and sink


def test_f13_kill_minus_nine_at_random_moments(tmp_path: Path) -> None:
    """Twenty-five times, after 1 to 60 ms of work: zeros of B3 and B4, the file sound each time."""
    rng = random.Random(13)
    pipeline = Pipeline(tmp_path)
    for _ in range(25):
        assert pipeline.run(kill_after=rng.uniform(0.001, 0.06)) == KILLED
    assert pipeline.run() == 0
    report = pipeline.ledger.verify("B3", "B4")
    assert_each_odd_one_is_one_dead_letter(pipeline)
    assert report.stored


def assert_each_odd_one_is_one_dead_letter(pipeline: Pipeline) -> None:
    assert set(pipeline.dead.values()) == {1}
    assert set(pipeline.dead) >= {(sink, id_) for sink in SINKS for id_ in pipeline.odd}
