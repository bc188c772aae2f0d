"""Configuration from a file, from code, or from a caller's arguments."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from trunkline.config.lines import Place
from trunkline.config.masking import masked
from trunkline.config.problems import Source
from trunkline.config.reader import TABLES, Reader, Tables
from trunkline.config.secret import MASK
from trunkline.config.settings import (
    ActivitySettings,
    ConnectionSettings,
    FilterSettings,
    HostSettings,
    PluginsSettings,
)
from trunkline.config.sources import read_file
from trunkline.errors import ConfigError, Problem
from trunkline.strict import Expected

T = TypeVar("T")

FILE_LIMIT = 1024 * 1024  # bytes of a configuration
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
    _plugin: Mapping[str, Mapping[str, Any]] = attrs.field(repr=False)  # {plugin: its table}
    _reader: Reader = attrs.field(repr=False, eq=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is fit to be said at every start; plugins' tables add theirs as they are read."""
        exposed: tuple[str, ...] = ()
        if self.connection.exposes_token:
            exposed = (
                f"the token travels unencrypted to {self.connection.url.display}; use wss://",
            )
        return (*exposed, *self._reader.secrets.warnings)

    def plugin_names(self) -> tuple[str, ...]:
        """Return the plugins that have a table, sorted."""
        return tuple(sorted(self._plugin))

    def plugin_table(self, name: str) -> Mapping[str, Any] | None:
        """Return a plugin's table as it was read; None where there is none."""
        return self._plugin.get(name)

    def plugin(self, name: str, cls: type[T]) -> T:
        """Return a plugin's table as an instance of `cls`; without a table, all its defaults.

        Raises:
            ConfigError: it does not fit; every problem with file, line and key.
        """
        return self._reader.structured(self._plugin.get(name, {}), cls, ("plugin", name))

    def problem(self, place: Place, cause: str) -> Problem:
        """Return a problem with what stands at `place`, such as `("plugins", "disable", 0)`."""
        return self._reader.source.problem(place, cause)

    def masked(self, plugins: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Return all settings as plain data for people to read, secrets as `***`.

        `plugins` are the settings of plugins by name, as `plugin` made them. Of a table that no
        class has judged every value is masked: any of them may be a secret.
        """
        known = plugins or {}
        tables = {name: masked(getattr(self, name)) for name in TABLES}
        return {
            **tables,
            "filter": masked(self.filters),
            "plugin": {
                name: masked(known[name]) if name in known else dict.fromkeys(table, MASK)
                for name, table in sorted(self._plugin.items())
            },
        }


def load_config(path: str | Path, *, environ: Mapping[str, str] | None = None) -> Config:
    """Read a configuration file; secrets come from `environ`, by default the process's own.

    Raises:
        ConfigError: it cannot be used; every problem at once, with file, line and key.
    """
    path = Path(path)
    text = _text(path)
    data = _decoded(path, text)
    return _config(Reader(Source(path, text), path.parent.absolute(), _environment(environ)), data)


def config_from_mapping(
    data: Mapping[str, Any],
    *,
    base: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Return a configuration made by code; relative paths start at `base`.

    Where a file refers to a secret, code may also give a `Secret`.

    Raises:
        ConfigError: it cannot be used; every problem at once, with its key.
    """
    return _config(Reader(Source(), base or Path(), _environment(environ)), data)


def _config(reader: Reader, data: Mapping[str, Any]) -> Config:
    try:
        return _of_tables(reader, reader.tables(data))
    except ConfigError as exc:
        partial = exc.partial and _of_tables(reader, exc.partial)
        raise ConfigError(exc.problems, partial) from None


def _of_tables(reader: Reader, tables: Tables) -> Config:
    return Config(
        connection=tables.connection,
        host=tables.host,
        plugins=tables.plugins,
        activity=tables.activity,
        filters=tables.filters,
        path=reader.source.file,
        plugin=tables.plugin,
        reader=reader,
    )


def _environment(environ: Mapping[str, str] | None) -> Mapping[str, str]:
    return os.environ if environ is None else environ


def _text(path: Path) -> str:
    try:
        raw = read_file(path, FILE_LIMIT).raw
    except Expected as exc:
        raise ConfigError([Problem(str(path), str(exc))]) from None
    if raw.startswith(BYTE_ORDER_MARK):
        raise ConfigError([Problem(f"{path.name}:1", "starts with a byte order mark; remove it")])
    try:
        return raw.decode()
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise ConfigError([Problem(f"{path.name}:{line}", "is not UTF-8")]) from None


def _decoded(path: Path, text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError([_syntax_problem(path, text, str(exc))]) from None
    except RecursionError:
        raise ConfigError([Problem(path.name, "is nested too deeply")]) from None
    except ValueError:  # not one of TOML's: Python limits the digits of an integer
        raise ConfigError([Problem(path.name, "holds a number with too many digits")]) from None


def _syntax_problem(path: Path, text: str, said: str) -> Problem:
    """Say what tomllib says; up to Python 3.13 the line stands only in its text."""
    cause, _, place = said.partition(" (at ")
    number = place.removeprefix("line ").partition(",")[0]
    if not number.isdigit():  # the end of the document
        number = str(text.rstrip().count("\n") + 1)
    if cause == "Cannot overwrite a value":
        cause = "this key is here for the second time"
    return Problem(f"{path.name}:{number}", cause)
