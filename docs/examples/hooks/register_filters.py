"""Masks addresses in everything, and drops heartbeats from one topic."""

from collections.abc import Mapping
from typing import Any

import attrs

from trunkline import Event, PluginInfo, hookimpl
from trunkline.plugin_api import Filters


@attrs.frozen
class PrivacyConfig:
    """The table of the plugin."""

    mask: tuple[str, ...] = ("ip", "email")
    """Fields of a payload whose value nobody sees."""


trunkline_plugin = PluginInfo(config=PrivacyConfig)


@hookimpl
def trunkline_register_filters(filters: Filters, config: PrivacyConfig) -> None:
    """Every event passes `mask`; only the events that hold to `where` meet `quiet`."""

    def mask(event: Event) -> Event:
        payload = event.get("payload")
        if not isinstance(payload, Mapping):
            return event
        shown: dict[str, Any] = {
            key: "***" if key in config.mask else value for key, value in payload.items()
        }
        return attrs.evolve(event, data={**event.data, "payload": shown})

    filters.add("mask", mask)
    filters.add("quiet", drop, topics=("audit",), where={"payload.action": "heartbeat"})


def drop(event: Event) -> None:
    """Let nothing of it through."""
