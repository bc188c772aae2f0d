"""`trunkline plugins`: what is installed, what runs, and why one does not."""

from pathlib import Path
from typing import Any

import click
import orjson

from trunkline.cli.options import config_argument, config_if_any, json_option
from trunkline.cli.tables import print_table

COLUMNS = ("name", "version", "distribution", "origin", "state", "reason")


@click.command()
@config_argument
@json_option
@click.option("--hooks", is_flag=True, help="Import them too, and add hooks and import times.")
def plugins(file: Path, *, as_json: bool, hooks: bool) -> None:
    """List every plugin with version, distribution, origin, state and reason.

    By metadata alone, without importing any, unless --hooks is given. FILE may be missing.
    """
    from trunkline.plugin.manager import load
    from trunkline.plugin.survey import survey

    config = config_if_any(file)
    records = load(config).records if hooks else survey(config).all_records
    rows = [_row(record, hooks=hooks) for record in records]
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        return
    columns = [*COLUMNS, "hooks", "import_ms"] if hooks else [*COLUMNS]
    print_table(columns, [[_cell(row[column]) for column in columns] for row in rows])


def _row(record: Any, *, hooks: bool) -> dict[str, Any]:
    row = {
        "name": record.name,
        "version": record.version,
        "distribution": record.dist,
        "origin": record.origin,
        "source": record.source,
        "state": record.state.value,
        "phase": record.phase,
        "reason": record.reason,
    }
    if hooks:
        seconds = record.import_seconds
        row["hooks"] = [hook.removeprefix("trunkline_") for hook in record.hooks]
        row["import_ms"] = None if seconds is None else round(seconds * 1000, 1)
    return row


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(value) if isinstance(value, list) else str(value)
