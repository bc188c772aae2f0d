"""One restart loop, for plugins and for sinks: try, wait, try again, for as long as the host runs.

Nothing here knows what the job is. Giving up is the job's own decision (`PluginFatal`); every
other failure is met with a wait. What Python or Trio use to end the program always passes.
"""

import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal

import attrs
import trio

from trunkline.backoff import Backoff
from trunkline.border import let_pass
from trunkline.errors import NotReady, PluginFatal, TrunklineError

logger = logging.getLogger(__name__)

REASON_LENGTH = 200  # characters of an exception's text; it ends up in one line of a status


@attrs.frozen
class JobReport:
    """What has become of a supervised job, each time that changes."""

    state: Literal["waiting", "failed", "done"]
    """To be tried again; ended by `PluginFatal`; returned."""
    reason: str = ""
    retry_in: float | None = None
    """Seconds until the next try, while waiting."""
    failure_count: int = 0
    """Tries in a row that ended badly."""


def _ignore(_: JobReport) -> None:
    """Report to nobody."""


async def supervise(
    name: str,
    job: Callable[[], Awaitable[None]],
    backoff: Backoff,
    *,
    rng: random.Random,
    on_state: Callable[[JobReport], None] = _ignore,
) -> None:
    """Run `job` until it returns or raises `PluginFatal`; restart it after anything else.

    `NotReady` sets the least wait and is not logged as a failure. A try that lasted longer than
    the longest wait makes the count of failures start anew. Caught is whatever the border keeps; from
    a group that also holds a cancel only the cancel passes.
    """
    failure_count = 0
    while True:
        error: BaseException | None = None
        started = trio.current_time()
        try:
            await job()
        except BaseException as exc:  # noqa: BLE001 - the job is not ours; logged below
            let_pass(exc)
            error = exc
        if error is None:
            on_state(JobReport("done"))
            return
        if trio.current_time() - started > backoff.cap:
            failure_count = 0
        failure_count += 1
        leaves = tuple(_leaves(error))
        fatal = next((leaf for leaf in leaves if isinstance(leaf, PluginFatal)), None)
        if fatal is not None:
            logger.error("task.fatal", extra={"task_name": name, "reason": reason_of(fatal)})
            on_state(JobReport("failed", reason_of(fatal), failure_count=failure_count))
            return
        wait = backoff.delay(failure_count - 1, _hint(leaves), rng)
        reason = "; ".join(dict.fromkeys(reason_of(leaf) for leaf in leaves))
        if not all(isinstance(leaf, NotReady) for leaf in leaves):
            _log_failure(name, cause_of(error), reason, failure_count, wait)
        on_state(JobReport("waiting", reason, wait, failure_count))
        await trio.sleep(wait)


def reason_of(exc: BaseException) -> str:
    """Say in one short line what an exception says; the class stands in front unless it is ours."""
    text = " ".join(str(exc).split())
    if not isinstance(exc, TrunklineError):
        text = f"{type(exc).__name__}: {text}" if text else type(exc).__name__
    return text if len(text) <= REASON_LENGTH else text[: REASON_LENGTH - 1] + "…"


def cause_of(exc: BaseException) -> BaseException:
    """Return the one exception that a group holds, as a nursery makes it; else what was given."""
    leaves = tuple(_leaves(exc))
    return leaves[0] if len(leaves) == 1 else exc


def _leaves(exc: BaseException) -> Iterator[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        for inner in exc.exceptions:
            yield from _leaves(inner)
    else:
        yield exc


def _hint(leaves: tuple[BaseException, ...]) -> float | None:
    asked = [leaf.retry_after for leaf in leaves if isinstance(leaf, NotReady)]
    return max((seconds for seconds in asked if seconds is not None), default=None)


def _log_failure(name: str, error: BaseException, reason: str, count: int, wait: float) -> None:
    """Log the first failure with its traceback, and repeats where only a debugger looks."""
    logger.log(
        logging.WARNING if count == 1 else logging.DEBUG,
        "task.failed",
        extra={"task_name": name, "reason": reason, "count": count, "retry_in": round(wait, 1)},
        exc_info=error if count == 1 else None,
    )
