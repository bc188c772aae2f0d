"""`trunkline routes`: the compiled table, or the way of one message through it."""

from pathlib import Path
from typing import Any

import click
import orjson

from trunkline.cli.options import config_argument, json_option
from trunkline.cli.tables import print_table


@click.command()
@config_argument
@json_option
@click.option(
    "--message", type=click.File("rb"), help="A file with one message (JSON), or - for stdin."
)
def routes(file: Path, *, as_json: bool, message: Any) -> None:
    """Print which messages go where, by the configuration FILE; or what one message would meet."""
    from trunkline.cli.explaining import Explainer, table_rows
    from trunkline.host import Host

    host = Host.from_file(file)
    if message is None:
        rows = table_rows(host.loaded)
        if as_json:
            click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        else:
            columns = ("kind", "topic", "rule", "owner")
            print_table(columns, [[row[column] for column in columns] for row in rows])
        return
    try:
        decoded = orjson.loads(message.read())
    except orjson.JSONDecodeError as exc:
        raise click.UsageError(f"--message: not JSON: {exc}") from None
    if not isinstance(decoded, dict):
        raise click.UsageError("--message: a message is one JSON object")
    way = Explainer(host.loaded).explain(decoded)
    if as_json:
        click.echo(orjson.dumps(way, option=orjson.OPT_INDENT_2))
        return
    click.echo(
        f"topic: {way['topic'] or 'none: only `message.unclassified` on `system`'} ({way['how']})"
    )
    for verdict in way["filters"]:
        click.echo(f"filter {verdict['name']}: {verdict['verdict']}")
    for receiver in way["receivers"]:
        click.echo(f"to {receiver}")
    if not way["receivers"]:
        click.echo("to nobody")
