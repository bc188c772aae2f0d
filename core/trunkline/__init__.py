"""Trunkline: one connection to an event server, routed to plugins.

The names below are found when first used, so that `import trunkline` and `trunkline --version`
cost next to nothing (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trunkline.activity.middleware import ActivityMiddleware
    from trunkline.activity.tracker import Tracker
    from trunkline.config import Config, load_config
    from trunkline.connection.connection import Connection
    from trunkline.connection.states import ConnectionState, StateChange
    from trunkline.errors import (
        ConfigError,
        InvalidData,
        NotConnected,
        NotSent,
        OutboxFull,
        OutcomeUnknown,
        Rejected,
        SlowConsumer,
        TransportError,
        TrunklineError,
    )
    from trunkline.events import Event, Gap
    from trunkline.hookspecs import hookimpl
    from trunkline.host import Host, open_connection
    from trunkline.host.threaded import BackgroundHost
    from trunkline.plugin_api import PluginContext, PluginInfo

# {public name: the module that holds it}
_HOMES = {
    "ActivityMiddleware": "trunkline.activity.middleware",
    "BackgroundHost": "trunkline.host.threaded",
    "Config": "trunkline.config",
    "ConfigError": "trunkline.errors",
    "Connection": "trunkline.connection.connection",
    "ConnectionState": "trunkline.connection.states",
    "Event": "trunkline.events",
    "Gap": "trunkline.events",
    "Host": "trunkline.host",
    "InvalidData": "trunkline.errors",
    "NotConnected": "trunkline.errors",
    "NotSent": "trunkline.errors",
    "OutboxFull": "trunkline.errors",
    "OutcomeUnknown": "trunkline.errors",
    "PluginContext": "trunkline.plugin_api",
    "PluginInfo": "trunkline.plugin_api",
    "Rejected": "trunkline.errors",
    "SlowConsumer": "trunkline.errors",
    "StateChange": "trunkline.connection.states",
    "Tracker": "trunkline.activity.tracker",
    "TransportError": "trunkline.errors",
    "TrunklineError": "trunkline.errors",
    "hookimpl": "trunkline.hookspecs",
    "load_config": "trunkline.config",
    "open_connection": "trunkline.host",
}

__all__ = [
    "ActivityMiddleware",
    "BackgroundHost",
    "Config",
    "ConfigError",
    "Connection",
    "ConnectionState",
    "Event",
    "Gap",
    "Host",
    "InvalidData",
    "NotConnected",
    "NotSent",
    "OutboxFull",
    "OutcomeUnknown",
    "PluginContext",
    "PluginInfo",
    "Rejected",
    "SlowConsumer",
    "StateChange",
    "Tracker",
    "TransportError",
    "TrunklineError",
    "hookimpl",
    "load_config",
    "open_connection",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'trunkline' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
