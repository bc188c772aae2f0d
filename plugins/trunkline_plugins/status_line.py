"""The line that `trunkline status` shows for a plugin, kept fresh."""

from collections.abc import Callable
from typing import Any, NoReturn

import trio

from trunkline import PluginContext

INTERVAL = 2.0  # s; a person reads the line, so it need not be newer


async def keep_noting(ctx: PluginContext[Any], line: Callable[[], str]) -> NoReturn:
    """Note what `line` returns, now and every `INTERVAL`, until cancelled."""
    while True:
        ctx.note(line())
        await trio.sleep(INTERVAL)
