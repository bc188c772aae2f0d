"""The restart loop: what it waits for, what ends it, what passes through it."""

import logging
import random
from collections.abc import Awaitable, Callable

import pytest
import trio
from panic import Panic
from trio.testing import MockClock

from trunkline.backoff import WORK, Backoff
from trunkline.errors import NotReady, PluginFatal
from trunkline.supervise import JobReport, supervise

STEADY = Backoff(first=1.0, cap=1.0, floor=1.0)


class Job:
    """Raises what it is given, one after the other, then stays up."""

    def __init__(self, *endings: BaseException | Callable[[], Awaitable[None]]) -> None:
        self.endings = list(endings)
        self.started_at: list[float] = []

    async def __call__(self) -> None:
        self.started_at.append(trio.current_time())
        if not self.endings:
            await trio.sleep_forever()
        ending = self.endings.pop(0)
        if isinstance(ending, BaseException):
            raise ending
        await ending()

    @property
    def waits(self) -> list[float]:
        """Seconds between one start and the next."""
        pairs = zip(self.started_at, self.started_at[1:], strict=False)
        return [round(later - earlier, 6) for earlier, later in pairs]


async def watched(job: Job, backoff: Backoff = STEADY, *, limit: float = 1000.0) -> list[JobReport]:
    """Supervise `job` for `limit` virtual seconds and return what was reported."""
    reports: list[JobReport] = []
    with trio.move_on_after(limit):
        await supervise("job", job, backoff, rng=random.Random(1), on_state=reports.append)
    return reports


@pytest.mark.parametrize(
    "ending",
    [
        ValueError("no"),
        SystemExit(3),
        Panic("no"),
        RecursionError(),
        ExceptionGroup("both", [ValueError("no"), KeyError("x")]),
        BaseExceptionGroup("exit", [SystemExit(1), ValueError("no")]),
    ],
    ids=["exception", "exit", "panic", "recursion", "group", "group_with_exit"],
)
async def test_any_failure_is_tried_again(autojump_clock: MockClock, ending: BaseException) -> None:
    """Exceptions, `SystemExit` and groups of them are contained and met with a wait."""
    job = Job(ending)

    reports = await watched(job)

    assert [report.state for report in reports] == ["waiting"]
    assert job.waits == [1.0]


async def test_failures_are_tried_again_for_ever(autojump_clock: MockClock) -> None:
    """However often it fails, the next try is planned within the longest wait."""
    job = Job(*(ValueError(str(n)) for n in range(500)))

    reports = await watched(job, WORK, limit=500 * 61.0)

    assert len(job.waits) == 500
    assert max(job.waits) <= WORK.cap
    assert reports[-1].failure_count == 500


async def test_not_ready_sets_the_least_wait_and_is_no_error(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The time a job asks for is waited, and nothing is logged as a failure."""
    job = Job(NotReady("the disk is away", retry_after=40.0))

    with caplog.at_level(logging.DEBUG):
        [report] = await watched(job)

    assert (report.reason, report.retry_in, job.waits) == ("the disk is away", 40.0, [40.0])
    assert not caplog.records


async def test_the_longest_wait_asked_for_in_a_group_counts(autojump_clock: MockClock) -> None:
    """Two tasks that are not ready: the later time is the one that helps."""
    group = ExceptionGroup("two", [NotReady(retry_after=20.0), NotReady("b", retry_after=30.0)])

    [report] = await watched(Job(group))

    assert (report.retry_in, report.reason) == (30.0, "not ready; b")


@pytest.mark.parametrize("is_grouped", [False, True])
async def test_plugin_fatal_ends_it(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, is_grouped: bool
) -> None:
    """Where a person must act there is no second try, and one error says why."""
    fatal = PluginFatal("no licence")
    job = Job(ExceptionGroup("nursery", [fatal, ValueError("aside")]) if is_grouped else fatal)

    [report] = await watched(job)

    assert (report.state, report.reason) == ("failed", "no licence")
    assert len(job.started_at) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_job_that_returns_is_done(autojump_clock: MockClock) -> None:
    """Returning is no failure and no reason to start again."""
    job = Job(trio.lowlevel.checkpoint)

    assert await watched(job) == [JobReport("done")]
    assert len(job.started_at) == 1


async def test_keyboard_interrupt_passes(autojump_clock: MockClock) -> None:
    """Ctrl-C ends the program, not the try."""
    with pytest.RaisesGroup(KeyboardInterrupt, allow_unwrapped=True):
        await watched(Job(KeyboardInterrupt()))


async def test_a_cancel_passes_even_beside_an_error(autojump_clock: MockClock) -> None:
    """An error raised while being cancelled neither escapes nor starts another try."""

    async def fail_in_cleanup() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("in cleanup")

    async def nursery_with_failure() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_in_cleanup)
            nursery.start_soon(trio.sleep_forever)

    job = Job(nursery_with_failure)

    await watched(job, limit=5.0)

    assert len(job.started_at) == 1


async def test_a_long_life_starts_the_count_anew(autojump_clock: MockClock) -> None:
    """A job that was up longer than the longest wait is met like a first failure."""

    async def live_then_fail() -> None:
        await trio.sleep(WORK.cap + 1)
        raise ValueError("late")

    reports = await watched(Job(ValueError("a"), ValueError("b"), live_then_fail), WORK)

    assert [report.failure_count for report in reports] == [1, 2, 1]


async def test_only_the_first_failure_is_a_warning(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The first comes with its traceback; repeats are for who debugs."""
    with caplog.at_level(logging.DEBUG):
        await watched(Job(ValueError("a"), ValueError("b")))

    assert [(record.levelname, bool(record.exc_info)) for record in caplog.records] == [
        ("WARNING", True),
        ("DEBUG", False),
    ]


async def test_a_reason_is_one_short_line(autojump_clock: MockClock) -> None:
    """Whatever an exception says, a status has one line for it."""
    [report] = await watched(Job(ValueError("two\nlines " + "x" * 500)))

    assert report.reason.startswith("ValueError: two lines xxx")
    assert len(report.reason) == 200
