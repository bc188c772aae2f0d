"""Fetches what a gap has swallowed, by the plugins that know how (connection GP3, GP4).

Once per gap and topic, a few at a time, beside the live events, which never wait for it. What
comes back is classified and filtered like any message; its order and repeats are the business of
the store that consumes it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import orjson
import trio

from trunkline.border import let_pass
from trunkline.errors import PluginError
from trunkline.events import Gap
from trunkline.plugin.runner import PluginRunner
from trunkline.routing.router import Router
from trunkline.supervise import reason_of

logger = logging.getLogger(__name__)

LIMIT = 30.0  # s for one gap of one topic; what takes longer is no back-fill but an import
AT_ONCE = 4  # so that many topics do not become a load test of the server's HTTP side
WAITING = 100  # fetches; a link that flaps makes gaps quicker than a slow server fills them


class Backfill:
    """The back-fills of one host."""

    def __init__(
        self, runners: Sequence[PluginRunner], router: Router, walltime: Callable[[], float]
    ) -> None:
        """Ask the plugins of `runners`; `walltime` tells the seconds since 1970."""
        self._runners = [runner for runner in runners if runner.plugin.has_backfill]
        self._router = router
        self._walltime = walltime
        self._limiter = trio.CapacityLimiter(AT_ONCE)
        self._count = 0  # under way or waiting

    def start(self, gap: Gap, nursery: trio.Nursery) -> None:
        """Begin to fetch what `gap` has swallowed of each topic that somebody can fetch."""
        for runner in self._runners:
            for topic in sorted(runner.plugin.topics):
                own = attrs.evolve(gap, topic=topic)
                if self._count < AT_ONCE + WAITING:
                    self._count += 1
                    nursery.start_soon(self._fetch, runner, own)
                else:
                    self._failed(runner, own, f"{WAITING} others wait already")

    async def _fetch(self, runner: PluginRunner, gap: Gap) -> None:
        """Fetch for one topic, and say how it went."""
        try:
            async with self._limiter:
                await self._fetch_now(runner, gap)
        finally:
            self._count -= 1

    async def _fetch_now(self, runner: PluginRunner, gap: Gap) -> None:
        try:
            with trio.fail_after(LIMIT):
                messages = _checked(await runner.backfill(gap))
        except trio.TooSlowError:
            self._failed(runner, gap, f"not done within {LIMIT:g} s")
        except BaseException as exc:
            let_pass(exc)
            extra = {"plugin": runner.plugin.name}
            logger.debug("plugin.traceback", extra=extra, exc_info=exc)
            self._failed(runner, gap, reason_of(exc))
        else:
            self._done(runner, gap, messages)

    def _done(
        self, runner: PluginRunner, gap: Gap, messages: Sequence[tuple[dict[str, Any], int]]
    ) -> None:
        now = self._walltime()
        count = sum(
            self._router.route(message, size, epoch=gap.epoch, received=now, origin="backfill")
            for message, size in messages
        )
        data = {**_about(runner, gap), "count": count}
        logger.info("backfill.done", extra=data)
        self._router.announce("backfill.done", data, epoch=gap.epoch)

    def _failed(self, runner: PluginRunner, gap: Gap, reason: str) -> None:
        data = {**_about(runner, gap), "reason": reason}
        logger.warning("backfill.failed", extra=data)
        self._router.announce("backfill.failed", data, epoch=gap.epoch)


def _about(runner: PluginRunner, gap: Gap) -> dict[str, Any]:
    return {"topic": gap.topic, "plugin": runner.plugin.name, "epoch": gap.epoch}


def _checked(found: object) -> list[tuple[dict[str, Any], int]]:
    """Return the messages with their sizes in bytes.

    Raises:
        PluginError: it could not fetch them, or what it returned are no messages.
    """
    if found is None:
        raise PluginError("the plugin cannot fetch what is missing")
    if isinstance(found, str | bytes | Mapping) or not hasattr(found, "__iter__"):
        raise PluginError("`trunkline_backfill` returns a collection of messages, or None")
    messages = []
    for message in found:
        if not isinstance(message, Mapping):
            raise PluginError("`trunkline_backfill` returned something that is no message")
        plain = dict(message)
        messages.append((plain, len(orjson.dumps(plain))))
    return messages
