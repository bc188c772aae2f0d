"""`trunkline plugins`: what is installed, what runs, and why one does not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from trunkline.cli.loading import loading
from trunkline.cli.meaning import config_if_any
from trunkline.cli.options import config_argument, disable_option, json_option
from trunkline.cli.tables import print_table

COLUMNS = ("name", "version", "distribution", "origin", "state")


@click.command()
@config_argument
@disable_option
@json_option
@click.option("--hooks", is_flag=True, help="Import them too, and add hooks and import times.")
def plugins(file: Path, *, safe: bool, disable: Sequence[str], as_json: bool, hooks: bool) -> None:
    """List every plugin with version, distribution, origin, state and reason.

    By metadata alone, without importing any, unless --hooks is given. FILE may be missing. Which
    fields --json has is on the page of commands; they only ever grow.
    """
    from trunkline.plugin.manager import load
    from trunkline.plugin.survey import survey

    config = config_if_any(file)
    surveyed = survey(config, safe=safe, disable=disable)
    for problem in surveyed.problems:
        click.echo(f"warning: {problem}", err=True)
    records = surveyed.all_records
    if hooks:
        with loading():
            records = load(config, safe=safe, disable=disable).records
    rows = [_row(record, hooks=hooks) for record in records]
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        return
    columns = (*COLUMNS, *(("import_ms", "hooks") if hooks else ()), "reason")
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
        "location": record.location or None,
        "issues_url": record.issues_url,
    }
    if hooks:
        seconds = record.import_seconds
        row["import_ms"] = None if seconds is None else round(seconds * 1000, 1)
        row["hooks"] = [hook.removeprefix("trunkline_") for hook in record.hooks]
        row["requires"] = [*record.requires]
        row["after"] = [*record.after]
    return row


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return ", ".join(value) if isinstance(value, list) else str(value)
