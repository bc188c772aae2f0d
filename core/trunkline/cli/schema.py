"""`trunkline schema`: what a configuration may hold, for editors and other programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from trunkline.cli.loading import loading
from trunkline.cli.meaning import config_if_any
from trunkline.cli.options import config_argument, disable_option
from trunkline.config import Config, config_schema
from trunkline.config.kinds import classes_within, names_of
from trunkline.errors import ConfigError, UsageError


@click.command()
@config_argument
@disable_option
@click.option("--core", is_flag=True, help="Of the core alone; no plugin is imported.")
@click.option("--sql", metavar="KIND", help="Print the tables of an SQL sink instead.")
def schema(file: Path, *, safe: bool, disable: Sequence[str], core: bool, sql: str | None) -> None:
    """Print JSON Schema of the configuration FILE: the core's tables, and those of its plugins.

    FILE may be missing, and may be wrong. Keep the schema beside it and begin FILE with the
    comment `#:schema ./trunkline.schema.json`: editors complete and check it from then on.

    \b
    trunkline schema > trunkline.schema.json
    trunkline schema --sql postgresql | psql events
    """
    plugins = {} if core else _settings(file, safe=safe, disable=disable)
    if sql is not None:
        click.echo(_script(sql, plugins), nl=False)
        return
    click.echo(orjson.dumps(config_schema(plugins), option=orjson.OPT_INDENT_2))


def _settings(file: Path, *, safe: bool, disable: Sequence[str]) -> Mapping[str, type[Any] | None]:
    """Return the class of each active plugin's table; say which plugins are left out.

    One that only lacks its keys has a class, too.
    """
    from trunkline.plugin.manager import load

    with loading():
        loaded = load(_readable(file), safe=safe, disable=disable)
    for record in loaded.records:
        if record.state.value == "failed" and record.name not in loaded.settings:
            click.echo(f"not in the schema: {record.failure}", err=True)
    return loaded.settings


def _script(kind: str, settings: Mapping[str, type[Any] | None]) -> str:
    """Return the `sql` of the class of that `kind` in any plugin's table."""
    scripts = {
        name: cls.sql
        for table in settings.values()
        for cls in classes_within(table)
        for name in (names_of(cls) if hasattr(cls, "sql") else ())
    }
    if kind not in scripts:
        known = ", ".join(sorted(scripts)) or "none here"
        raise UsageError(f"no sink of kind `{kind}` has tables; those that have: {known}")
    return str(scripts[kind])


def _readable(file: Path) -> Config:
    """Return what can be read of the file: a schema helps to mend the rest."""
    try:
        return config_if_any(file)
    except ConfigError as exc:
        if exc.partial is None or exc.partial.plugins is None:
            raise
        partial: Config = exc.partial
        return partial
