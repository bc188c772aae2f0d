"""A connection for one command of a plugin: its config, its topics, and nothing that runs.

The built-ins are loaded for their topics, and the plugin whose command it is; no other. None of
their subscriptions, sinks or tasks runs, and a command is nobody's visit: no activity is recorded.
"""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from trunkline.activity.tracker import Tracker
from trunkline.background import background_nursery
from trunkline.config import Config
from trunkline.connection.connection import Connection
from trunkline.connection.protocol import fallback_rules
from trunkline.errors import ConfigError, UserError
from trunkline.plugin.context import Context, open_context
from trunkline.plugin.lease import Services
from trunkline.plugin.loaded import Loaded
from trunkline.plugin.manager import load
from trunkline.plugin.states import PluginState
from trunkline.plugin.survey import survey
from trunkline.routing.router import Router
from trunkline.transport.dialler import Dial

if TYPE_CHECKING:
    import httpx


@asynccontextmanager
async def open_command(
    config: Config,
    word: str,
    plugin: str | None = None,
    *,
    dial: Dial | None = None,
    http_transport: "httpx.AsyncBaseTransport | None" = None,
    rng: random.Random | None = None,
    walltime: Callable[[], float] = time.time,
) -> AsyncIterator[Context[Any]]:
    """Lend a `ctx` to the command `word` of `plugin`; entering does not wait for the network.

    Raises:
        ConfigError: the configuration cannot be used; every problem at once.
        UserError: the plugin is disabled, or does not load.
    """
    loaded = _loaded(config, plugin)
    table = next((each for each in loaded.plugins if each.name == plugin), None)
    tracker = Tracker(walltime=walltime)
    tracker.disable()
    router = Router(loaded.table, walltime=walltime)
    connection = Connection(
        config.connection,
        router,
        tracker,
        dial=dial,
        http_transport=http_transport,
        rng=rng,
        walltime=walltime,
    )
    services = Services(router, connection, tracker, walltime)
    async with background_nursery() as nursery:
        router.serve(nursery)
        await nursery.start(connection.run)
        async with open_context(
            plugin or word,
            table.config if table else None,
            services,
            topics=table.topics if table else frozenset(),
        ) as ctx:
            yield ctx
        connection.stop()
        await connection.wait_ended()


def _loaded(config: Config, plugin: str | None) -> Loaded:
    """Load the built-ins and `plugin`."""
    found = survey(config).found
    others = {each.name for each in found if each.origin != "builtin"} - {plugin}
    loaded = load(config, disable=others, fallbacks=fallback_rules())
    if loaded.problems:
        raise ConfigError(loaded.problems)
    if plugin in {each.name for each in loaded.plugins} or plugin is None:
        return loaded
    [record] = [each for each in loaded.records if each.name == plugin]
    if record.state is PluginState.FAILED:
        raise UserError(record.failure)
    raise UserError(f"this command belongs to the plugin {plugin}, disabled {record.reason}")
