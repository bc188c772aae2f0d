"""Recorded frames on their way: each explained offline, or fed to a host at a pace."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import trio

from trunkline.cli.explaining import Explainer
from trunkline.connection.protocol import decode, is_reply
from trunkline.host import Host
from trunkline.host.host import Feed
from trunkline.recording import Recorded, RecordedGap, read
from trunkline.routing.router import Router

POLL = 0.001  # s; how often a full mailbox is looked at again


def ways(host: Host, recording: Path) -> Iterator[dict[str, Any]]:
    """Yield what each frame meets: `at`, `topic`, `how`, `type`, `filters`, `receivers`, `data`.

    A gap yields `at` and `gap`, its cause. Replies of the server are left out: no plugin sees them.
    """
    explainer = Explainer(host.loaded)
    for recorded in read(recording):
        if isinstance(recorded, RecordedGap):
            yield {"at": recorded.at, "gap": recorded.gap.cause}
            continue
        message = decode(recorded.text.encode())
        if message is None:
            yield {"at": recorded.at, "topic": None, "how": "not one JSON object: dropped"}
        elif not is_reply(message):
            yield {"at": recorded.at, **explainer.explain(message)}


def feeding(recording: Path, speed: float) -> Feed:
    """Return what brings a recording to a host's router, `speed` times as fast; 0: at once."""

    async def feed(router: Router) -> None:
        started, first = trio.current_time(), None
        for recorded in read(recording):
            first = recorded.at if first is None else first
            if speed:
                await trio.sleep_until(started + (recorded.at - first) / speed)
            _route(router, recorded)
            while not router.is_drained():  # noqa: ASYNC110 - no server to be slowed down by
                await trio.sleep(POLL)
            await trio.lowlevel.checkpoint()

    return feed


def _route(router: Router, recorded: Recorded) -> None:
    if isinstance(recorded, RecordedGap):
        router.gap(recorded.gap)
        return
    payload = recorded.text.encode()
    message = decode(payload)
    if message is not None and not is_reply(message):
        router.route(message, len(payload), recorded.epoch, recorded.at, origin="replay")
