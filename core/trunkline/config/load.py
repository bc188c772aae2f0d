"""From a TOML file to frozen settings, with every error at once; the one module that reads."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from trunkline.config.fields import Place, SecretSource, config_converter
from trunkline.config.problems import Source, leaves, unknown_key
from trunkline.config.rules import check
from trunkline.config.secret import MASK, Secret
from trunkline.config.settings import (
    ActivitySettings,
    ConnectionSettings,
    FilterSettings,
    HostSettings,
    PluginsSettings,
)
from trunkline.config.url import Endpoint
from trunkline.errors import ConfigError, Problem
from trunkline.strict import Expected

T = TypeVar("T")

FILE_LIMIT = 1024 * 1024  # bytes of a configuration
SECRET_LIMIT = 64 * 1024  # bytes of a secret's file
OTHERS_MAY_READ = 0o044

#: {table: its class}
TABLES: Mapping[str, type[Any]] = {
    "connection": ConnectionSettings,
    "host": HostSettings,
    "plugins": PluginsSettings,
    "activity": ActivitySettings,
}
FURTHER_TABLES = ("filter", "plugin")


@attrs.frozen
class Config:
    """Everything a host is told; plugins' own tables are structured when they are asked for."""

    connection: ConnectionSettings
    host: HostSettings
    plugins: PluginsSettings
    activity: ActivitySettings
    filters: tuple[FilterSettings, ...]
    path: Path | None
    """The file; None where it was made by code."""
    warnings: tuple[str, ...]
    _tables: Mapping[str, Mapping[str, Any]] = attrs.field(repr=False)
    _reader: "Reader" = attrs.field(repr=False, eq=False)

    def plugin_names(self) -> tuple[str, ...]:
        """Return the plugins that have a table, sorted."""
        return tuple(sorted(self._tables))

    def plugin_table(self, name: str) -> Mapping[str, Any] | None:
        """Return a plugin's table as it was read; None where there is none."""
        return self._tables.get(name)

    def plugin(self, name: str, cls: type[T]) -> T:
        """Return a plugin's table as an instance of `cls`.

        Raises:
            ConfigError: it does not fit; every problem with file, line and key.
        """
        return self._reader.structured(self._tables.get(name, {}), cls, ("plugin", name))

    def problem(self, place: Place, cause: str) -> Problem:
        """Return a problem with what stands at `place`, such as `("plugins", "disable", 0)`."""
        return self._reader.problem(place, cause)

    def masked(self) -> dict[str, Any]:
        """Return all settings as plain data, secrets as `***`, for people to read."""
        tables = {name: _masked(getattr(self, name)) for name in TABLES}
        return {**tables, "filter": [_masked(each) for each in self.filters]}


def load_config(path: str | Path, *, environ: Mapping[str, str] | None = None) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: it cannot be used; every problem at once, with file, line and key.
    """
    path = Path(path)
    text = _read(path)
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise ConfigError([_syntax_problem(path, exc)]) from None
    reader = Reader(Source(path, text), path.parent, os.environ if environ is None else environ)
    return reader.config(data)


def config_from_mapping(
    data: Mapping[str, Any],
    *,
    base: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Return a configuration made by code; relative paths start at `base`.

    Raises:
        ConfigError: it cannot be used.
    """
    reader = Reader(Source(None, None), base or Path(), os.environ if environ is None else environ)
    return reader.config(data)


class Reader:
    """One reading: the source, and what was found worth a warning."""

    def __init__(self, source: Source, base: Path, environ: Mapping[str, str]) -> None:
        self._source = source
        self._base = base
        self._warnings: list[str] = []
        self._converter = config_converter(base, SecretSource(environ, self._read_secret))

    def problem(self, place: Place, cause: str) -> Problem:
        """Return a problem with file and line."""
        return self._source.problem(place, cause)

    def structured(self, table: object, cls: type[T], place: Place) -> T:
        """Return a table as an instance of `cls`, or raise all that is wrong with it."""
        if not isinstance(table, Mapping):
            raise ConfigError([self._source.problem(place, "expected a table")])
        try:
            settings = self._converter.structure(table, cls)
        except Exception as exc:  # noqa: BLE001 - cattrs runs the classes of plugins
            # from None: the group's own traceback shows values, which may be secrets
            found = list(leaves(exc, place))
            raise ConfigError([self._source.problem(*each) for each in found]) from None
        found = [((*place, *where), cause) for where, cause in check(str(place[0]), settings)]
        if found:
            raise ConfigError([self._source.problem(*each) for each in found])
        return settings

    def config(self, data: Mapping[str, Any]) -> Config:
        """Return the whole configuration, or raise all that is wrong with it."""
        problems = [*self._unknown_tables(data)]
        data = self._without_misplaced(problems, data)
        settings: dict[str, Any] = {}
        for name, cls in TABLES.items():
            table = data.get(name, {})
            settings[name] = self._collect(problems, table, cls, (name,))
        filters = [
            self._collect(problems, table, FilterSettings, ("filter", number))
            for number, table in enumerate(self._list(problems, data))
        ]
        tables = self._plugin_tables(problems, data)
        if problems:
            raise ConfigError(problems)
        settings["host"] = self._with_data(settings["host"])
        self._warn_of_token(settings["connection"])
        return Config(
            **settings,
            filters=tuple(each for each in filters if each is not None),
            path=self._source.file,
            warnings=tuple(self._warnings),
            tables=tables,
            reader=self,
        )

    def _without_misplaced(
        self, problems: list[Problem], data: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Take out what looks like a plugin's table within [plugins], and say where it belongs."""
        plugins = data.get("plugins", {})
        if not isinstance(plugins, Mapping):
            return data
        known = {field.name for field in attrs.fields(PluginsSettings)}
        misplaced = {n for n, v in plugins.items() if isinstance(v, Mapping) and n not in known}
        for name in sorted(misplaced):
            cause = f"a plugin's own table is [plugin.{name}]"
            problems.append(self._source.problem(("plugins", name), cause))
        return {**data, "plugins": {n: v for n, v in plugins.items() if n not in misplaced}}

    def _collect(
        self, problems: list[Problem], table: object, cls: type[T], place: Place
    ) -> T | None:
        try:
            return self.structured(table, cls, place)
        except ConfigError as exc:
            problems += exc.problems
            return None

    def _unknown_tables(self, data: Mapping[str, Any]) -> list[Problem]:
        known = (*TABLES, *FURTHER_TABLES)
        return [
            self._source.problem((name,), unknown_key(name, known))
            for name in data
            if name not in known
        ]

    def _list(self, problems: list[Problem], data: Mapping[str, Any]) -> list[Any]:
        filters = data.get("filter", [])
        if isinstance(filters, list):
            return filters
        problems.append(
            self._source.problem(("filter",), "write it as [[filter]], with two brackets")
        )
        return []

    def _plugin_tables(
        self, problems: list[Problem], data: Mapping[str, Any]
    ) -> dict[str, Mapping[str, Any]]:
        tables = data.get("plugin", {})
        if not isinstance(tables, Mapping):
            problems.append(self._source.problem(("plugin",), "expected tables, [plugin.NAME]"))
            return {}
        for name, table in tables.items():
            if not isinstance(table, Mapping):
                problems.append(
                    self._source.problem(("plugin", name), f"expected a table, [plugin.{name}]")
                )
        return dict(tables)

    def _with_data(self, host: HostSettings) -> HostSettings:
        if host.data is not None or self._source.file is None:
            return host
        return attrs.evolve(host, data=self._base / "var")

    def _warn_of_token(self, connection: ConnectionSettings) -> None:
        endpoint = connection.url
        if connection.token is not None and not endpoint.secure and not endpoint.is_loopback:
            self._warnings.append(f"the token travels unencrypted to {endpoint.display}")

    def _read_secret(self, name: str) -> str:
        path = self._base / name
        try:
            if path.stat().st_mode & OTHERS_MAY_READ:
                self._warnings.append(f"the secret in {path} can be read by others: chmod 600 it")
            with path.open("rb") as file:
                raw = file.read(SECRET_LIMIT + 1)
        except OSError as exc:
            raise Expected(f"the file {name} cannot be read: {exc.strerror}") from None
        if len(raw) > SECRET_LIMIT:
            raise Expected(f"the file {name} is larger than {SECRET_LIMIT} bytes")
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise Expected(f"what {name} holds is more than one line, or not text") from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT + 1)
    except OSError as exc:
        cause = f"cannot be read: {exc.strerror}"
        raise ConfigError([Problem(str(path), cause)]) from None
    if len(raw) > FILE_LIMIT:
        raise ConfigError([Problem(str(path), f"is larger than {FILE_LIMIT} bytes")])
    if raw.startswith(b"\xef\xbb\xbf"):
        raise ConfigError([Problem(f"{path.name}:1", "starts with a byte order mark; remove it")])
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise ConfigError([Problem(f"{path.name}:{line}", "is not UTF-8")]) from None


def _syntax_problem(path: Path, exc: Exception) -> Problem:
    """Say what tomllib says; Python 3.11 puts the line into its text."""
    if isinstance(exc, RecursionError):
        return Problem(path.name, "is nested too deeply")
    cause, _, place = str(exc).partition(" (at line ")
    line = place.partition(",")[0]
    return Problem(f"{path.name}:{line}" if line.isdigit() else path.name, cause)


def _masked(value: object) -> Any:
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Endpoint):
        return value.display
    cls: Any = type(value)
    if attrs.has(cls):
        fields = attrs.fields(cls)
        return {field.name: _masked(getattr(value, field.name)) for field in fields}
    if isinstance(value, tuple | list):
        return [_masked(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return MASK if callable(value) else value
