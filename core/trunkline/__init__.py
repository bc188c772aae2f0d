"""Trunkline: one connection to an event server, routed to plugins.

The names below are found when first used, so that `import trunkline` and `trunkline --version`
cost next to nothing (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.errors import TrunklineError
    from trunkline.events import Event, Gap
    from trunkline.hookspecs import hookimpl
    from trunkline.plugin_api import PluginContext, PluginInfo

# {public name: the module that holds it}
_HOMES = {
    "Event": "trunkline.events",
    "Gap": "trunkline.events",
    "PluginContext": "trunkline.plugin_api",
    "PluginInfo": "trunkline.plugin_api",
    "TrunklineError": "trunkline.errors",
    "hookimpl": "trunkline.hookspecs",
}

__all__ = ["Event", "Gap", "PluginContext", "PluginInfo", "TrunklineError", "hookimpl"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'trunkline' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
