"""Trunkline: one connection to an event server, routed to plugins.

The names below are found when first used, so that `import trunkline` and `trunkline --version`
cost next to nothing (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.errors import (
        InvalidData,
        NotSent,
        OutcomeUnknown,
        Rejected,
        TrunklineError,
    )
    from trunkline.events import Event, Gap
    from trunkline.hookspecs import hookimpl
    from trunkline.plugin_api import PluginContext, PluginInfo

# {public name: the module that holds it}
_HOMES = {
    "Event": "trunkline.events",
    "Gap": "trunkline.events",
    "InvalidData": "trunkline.errors",
    "NotSent": "trunkline.errors",
    "OutcomeUnknown": "trunkline.errors",
    "PluginContext": "trunkline.plugin_api",
    "PluginInfo": "trunkline.plugin_api",
    "Rejected": "trunkline.errors",
    "TrunklineError": "trunkline.errors",
    "hookimpl": "trunkline.hookspecs",
}

__all__ = [
    "Event",
    "Gap",
    "InvalidData",
    "NotSent",
    "OutcomeUnknown",
    "PluginContext",
    "PluginInfo",
    "Rejected",
    "TrunklineError",
    "hookimpl",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'trunkline' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
