"""What can be said of plugins' tables where the file is wrong elsewhere: every error at once (P20)."""

from collections.abc import Collection
from typing import Any

import attrs

from trunkline.config import PluginsSettings
from trunkline.errors import Problem
from trunkline.plugin.manager import load


def table_problems(
    partial: Any, *, safe: bool = False, disable: Collection[str] = (), **_: object
) -> tuple[Problem, ...]:
    """Return the problems of plugins' tables and names; `partial` is that of a `ConfigError`.

    Where `[plugins]` itself is wrong nobody knows what is disabled, so only built-ins are imported.
    """
    if partial.plugins is None:
        return load(attrs.evolve(partial, plugins=PluginsSettings()), safe=True).problems
    return load(partial, safe=safe, disable=disable).problems
