"""The small host: a connection for somebody else's program, with what the built-ins declare.

Topics, classifiers, filters and sinks of the four built-in plugins, found by their entry points,
so that topics and `upstream` mean the same here as in a host. None of their subscriptions or
tasks runs, no other plugin is loaded, no file is read, no signal is handled.
"""

import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from trunkline.activity.activity import Activity
from trunkline.activity.tracker import Tracker
from trunkline.background import background_nursery
from trunkline.config import Secret, TokenProvider, config_from_mapping, connection_settings
from trunkline.connection.connection import Connection
from trunkline.connection.protocol import fallback_rules
from trunkline.connection.states import ConnectionState
from trunkline.host.proxies import proxy_warning
from trunkline.plugin.binding import bound_sink
from trunkline.plugin.manager import load
from trunkline.routing.router import Router
from trunkline.transport.dialler import Dial

if TYPE_CHECKING:
    import httpx

logger = logging.getLogger(__name__)

FLUSH_TIME = 5.0  # s for activity that is not delivered yet, when the scope is left


@asynccontextmanager
async def open_connection(
    url: str,
    token: str | Secret | TokenProvider | None = None,
    topics: Collection[str] | None = None,
    *,
    dial: Dial | None = None,
    http_transport: "httpx.AsyncBaseTransport | None" = None,
    rng: random.Random | None = None,
    walltime: Callable[[], float] = time.time,
    **settings: Any,
) -> AsyncIterator[Connection]:
    """Keep a connection open for the scope; entering does not wait for the network.

    `topics` narrows what the server sends; none means everything the account may see. `settings`
    are those of `[connection]`, each by name. Leaving delivers recorded activity for at most 5 s
    if connected, then closes; leaving by an exception or a cancel closes at once.

    Raises:
        ConfigError: an argument cannot be used; every problem at once.
    """
    checked = connection_settings(url, token, topics, **settings)
    for warning in proxy_warning():
        logger.warning("config.warning", extra={"reason": warning})
    if checked.exposes_token:
        logger.warning("token.exposed", extra={"reason": f"unencrypted to {checked.url.display}"})
    config = config_from_mapping({"connection": {"url": url}}, environ={})
    loaded = load(config, safe=True, fallbacks=fallback_rules())
    tracker = Tracker(walltime=walltime)
    router = Router(loaded.table, walltime=walltime)
    rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
    connection = Connection(
        checked,
        router,
        tracker,
        greets=loaded.greets,
        shares=loaded.shares,
        visitor_id=tracker.visitor_id if tracker.is_enabled() else None,
        dial=dial,
        http_transport=http_transport,
        rng=rng,
        walltime=walltime,
    )
    sinks = [bound_sink(rule, lambda: connection) for rule in loaded.sinks]
    activity = Activity(tracker, sinks, rng, link=connection, walltime=walltime)
    async with background_nursery() as nursery:
        router.serve(nursery)
        await nursery.start(activity.run)
        await nursery.start(connection.run)
        try:
            yield connection
            tracker.close()
            if connection.state is ConnectionState.CONNECTED:
                with trio.move_on_after(FLUSH_TIME):
                    await activity.drain()
            connection.stop()
            await connection.wait_ended()
        finally:
            router.close()  # whoever still iterates, in a task outside, is at the end
