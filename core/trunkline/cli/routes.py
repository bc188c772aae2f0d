"""`trunkline routes`: the compiled table, or the way of one message through it."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from trunkline.cli.loading import loading
from trunkline.cli.options import config_argument, disable_option, json_option
from trunkline.cli.tables import print_table

COLUMNS = ("kind", "order", "topic", "rule", "owner")


class Keeping(random.Random):
    """Draws so that every sample keeps its event: shown is what the kept ones meet."""

    def random(self) -> float:
        """Return the least number there is."""
        return 0.0


@click.command()
@config_argument
@disable_option
@json_option
@click.option(
    "--message",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="A file with one message (JSON), or - for stdin.",
)
def routes(file: Path, *, safe: bool, disable: Sequence[str], as_json: bool, message: Any) -> None:
    """Print which messages go where, by the configuration FILE; or what one message would meet.

    Classifiers and filters are numbered in the order in which they are asked.
    """
    from trunkline.cli.explaining import Explainer, table_rows
    from trunkline.host import Host

    with loading():
        host = Host.from_file(file, safe=safe, disable=disable, rng=Keeping())
    for warning in host.warnings:
        click.echo(f"warning: {warning}", err=True)
    if message is not None:
        way = Explainer(host.loaded).explain(_decoded(message))
        if as_json:
            click.echo(orjson.dumps(way, option=orjson.OPT_INDENT_2))
        else:
            _print(way)
        return
    rows = table_rows(host.loaded)
    if as_json:
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        print_table(COLUMNS, [[_cell(row[column]) for column in COLUMNS] for row in rows])


def _decoded(path: str) -> dict[str, Any]:
    try:
        with click.open_file(path, "rb") as file:
            message = orjson.loads(file.read())
    except OSError as exc:
        raise click.UsageError(f"--message {path}: {exc.strerror}") from None
    except orjson.JSONDecodeError as exc:
        raise click.UsageError(f"--message: not JSON: {exc}") from None
    if not isinstance(message, dict):
        raise click.UsageError("--message: a message is one JSON object")
    return message


def _cell(value: str | int | None) -> str:
    return "" if value is None else str(value)


def _print(way: Mapping[str, Any]) -> None:
    from trunkline.cli.explaining import verdict_in_words
    from trunkline.text import escaped

    topic = way["topic"] or "none: only `message.unclassified` on `system`"
    click.echo(escaped(f"topic: {topic} ({way['how']})", 1000))
    for verdict in way["filters"]:
        click.echo(escaped(f"filter {verdict_in_words(verdict)}", 1000))
    for receiver in way["receivers"]:
        click.echo(f"to {receiver}")
    if not way["receivers"]:
        click.echo("to nobody")
