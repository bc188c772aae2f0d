"""From decoded TOML to frozen settings, with every problem of every table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from trunkline.config.converter import config_converter
from trunkline.config.lines import Place
from trunkline.config.problems import Source, dotted, leaves, unknown_key
from trunkline.config.rules import contradictions, unreached
from trunkline.config.settings import (
    IN_MEMORY,
    ActivitySettings,
    ConnectionSettings,
    FilterSettings,
    HostSettings,
    PluginsSettings,
)
from trunkline.config.sources import Secrets
from trunkline.errors import ConfigError, Problem

T = TypeVar("T")

#: {table: its class}
TABLES: Mapping[str, type[Any]] = {
    "connection": ConnectionSettings,
    "host": HostSettings,
    "plugins": PluginsSettings,
    "activity": ActivitySettings,
}
FURTHER_TABLES = ("filter", "plugin")


@attrs.frozen
class Tables:
    """A whole configuration: the core's tables as settings, those of plugins as they were read."""

    connection: ConnectionSettings
    host: HostSettings
    plugins: PluginsSettings
    activity: ActivitySettings
    filters: tuple[FilterSettings, ...]
    plugin: Mapping[str, Mapping[str, Any]]


class Reader:
    """Turns tables into settings; knows where they came from and what they refer to."""

    def __init__(self, source: Source, base: Path, environ: Mapping[str, str]) -> None:
        self.source = source
        self.secrets = Secrets(base, environ)
        self._base = base
        self._converter = config_converter(base, self.secrets)

    def structured(self, table: object, cls: type[T], place: Place) -> T:
        """Return a table as an instance of `cls`.

        Raises:
            ConfigError: it does not fit; every problem in it.
        """
        try:
            settings = self._converter.structure(table, cls)
        except Exception as exc:  # noqa: BLE001 - cattrs runs the classes of plugins
            # from None: the group's own traceback shows values, which may be secrets
            found = list(leaves(exc, place))
            raise ConfigError([self.source.problem(*each) for each in found]) from None
        if clashes := list(contradictions(settings)):
            raise ConfigError([self.source.problem((*place, *key), text) for key, text in clashes])
        return settings

    def tables(self, data: Mapping[str, Any]) -> Tables:
        """Return the whole configuration.

        Raises:
            ConfigError: it cannot be used; every problem of every table. Its `partial` has None
                for each table that is wrong.
        """
        problems = [*self._unknown(data)]
        data = self._without_misplaced(problems, data)
        settings: dict[str, Any] = {
            name: self._collected(problems, data.get(name, {}), cls, (name,))
            for name, cls in TABLES.items()
        }
        filters = tuple(
            self._collected(problems, table, FilterSettings, ("filter", number))
            for number, table in enumerate(self._filters(problems, data))
        )
        problems += [self.source.problem(*found) for found in unreached(filters)]
        plugin = self._plugin_tables(problems, data)
        tables = Tables(**settings, filters=filters, plugin=plugin)
        if problems:
            raise ConfigError(problems, partial=tables)
        return self._placed(tables)

    def _collected(self, problems: list[Problem], table: object, cls: type, place: Place) -> Any:
        try:
            return self.structured(table, cls, place)
        except ConfigError as exc:
            problems += exc.problems

    def _unknown(self, data: Mapping[str, Any]) -> list[Problem]:
        known = (*TABLES, *FURTHER_TABLES)
        return [
            self.source.problem((name,), unknown_key(name, known))
            for name in data
            if name not in known
        ]

    def _without_misplaced(
        self, problems: list[Problem], data: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Take out what looks like a plugin's table within [plugins], and say where it belongs."""
        plugins = data.get("plugins")
        if not isinstance(plugins, Mapping):
            return data
        known = attrs.fields_dict(PluginsSettings)
        misplaced = [n for n, v in plugins.items() if isinstance(v, Mapping) and n not in known]
        for name in misplaced:
            wanted = dotted(("plugin", name))
            problems.append(
                self.source.problem(("plugins", name), f"a plugin's own table is [{wanted}]")
            )
        return {**data, "plugins": {n: v for n, v in plugins.items() if n not in misplaced}}

    def _filters(self, problems: list[Problem], data: Mapping[str, Any]) -> list[Any]:
        filters = data.get("filter", [])
        if isinstance(filters, list | tuple):
            return list(filters)
        problems.append(self.source.problem(("filter",), "write [[filter]], with two brackets"))
        return []

    def _plugin_tables(
        self, problems: list[Problem], data: Mapping[str, Any]
    ) -> Mapping[str, Mapping[str, Any]]:
        tables = data.get("plugin", {})
        if not isinstance(tables, Mapping):
            problems.append(self.source.problem(("plugin",), "write a table, [plugin.NAME]"))
            return {}
        for name, table in tables.items():
            if not isinstance(table, Mapping):
                place = ("plugin", name)
                cause = f"write a table, [{dotted(place)}]"
                problems.append(self.source.problem(place, cause))
        return {name: table for name, table in tables.items() if isinstance(table, Mapping)}

    def _placed(self, tables: Tables) -> Tables:
        """Give the data directory and the outbox their places beside the file."""
        host, activity = tables.host, tables.activity
        if host.data is None and self.source.file is not None:
            host = attrs.evolve(host, data=self._base / "var")
        if activity.path != IN_MEMORY:
            activity = attrs.evolve(activity, path=str(self._base / activity.path))
        return attrs.evolve(tables, host=host, activity=activity)
