"""What loading leaves behind: the plugins that are ready to run, and all there is to say."""

from collections.abc import Mapping
from typing import Any

import attrs

from trunkline.activity.sinks import SinkRule
from trunkline.errors import ConfigError, Problem, RequiredPluginMissing
from trunkline.plugin.hooks import Hooks
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.registrars import SubscriptionRule
from trunkline.routing.table import RouteTable


@attrs.frozen
class Plugin:
    """A plugin that has passed every phase but the last."""

    record: PluginRecord
    config: Any
    topics: frozenset[str]
    """The topics it owns, and may publish on."""
    subscriptions: tuple[SubscriptionRule, ...]
    sinks: tuple[SinkRule, ...]
    hooks: Hooks
    is_required: bool = False
    """The host ends if it fails (P10)."""

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.record.name

    @property
    def has_run(self) -> bool:
        """It has a task of its own."""
        return self.hooks.has("trunkline_run", self.name)

    @property
    def has_backfill(self) -> bool:
        """It can fetch what a gap has swallowed."""
        return self.hooks.has("trunkline_backfill", self.name)


@attrs.frozen
class Loaded:
    """The outcome for all plugins together."""

    records: tuple[PluginRecord, ...]
    """Of every plugin that was found, the disabled and the failed too: in load order, then by
    name."""
    plugins: tuple[Plugin, ...]
    """Those that can run, in load order."""
    table: RouteTable
    problems: tuple[Problem, ...]
    """What is wrong with the configuration; `run` does not start with any (exit 78)."""
    warnings: tuple[str, ...]
    missing: tuple[str, ...]
    """What to say of each required plugin that is not there (exit 3)."""
    settings: Mapping[str, type[Any] | None]
    """{plugin: class of its table; None: it has no settings}, of those that passed the audit."""

    @property
    def sinks(self) -> tuple[SinkRule, ...]:
        """The sinks of all plugins, in load order."""
        return tuple(rule for plugin in self.plugins for rule in plugin.sinks)

    @property
    def greets(self) -> bool:
        """A sink is the server, so each epoch begins with a session hello."""
        return any(rule.greets for rule in self.sinks)

    @property
    def shares(self) -> frozenset[str]:
        """What the server may see beyond the least (`SinkRule.shares`)."""
        return frozenset(each for rule in self.sinks for each in rule.shares)

    @property
    def subscriptions(self) -> tuple[SubscriptionRule, ...]:
        """The subscriptions of all plugins, in load order."""
        return tuple(rule for plugin in self.plugins for rule in plugin.subscriptions)

    def owner_of(self, module: str) -> str:
        """Return the plugin to which a module belongs, by its name; empty for any other."""
        for record in self.records:
            if module == record.package or module.startswith(f"{record.package}."):
                return record.name
        return ""

    def require(self) -> None:
        """Go on only if the host may run.

        Raises:
            ConfigError: the file is wrong; every problem is listed.
            RequiredPluginMissing: a plugin in `[plugins] require` is missing or broken.
        """
        if self.problems:
            raise ConfigError(self.problems)
        if self.missing:
            raise RequiredPluginMissing("\n".join(self.missing))
