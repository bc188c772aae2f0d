"""`trunkline send`: one message, and what the server says to it."""

import sys
from typing import Any

import click
import orjson

from trunkline.cli import logs
from trunkline.cli.meaning import opening
from trunkline.cli.options import connecting, level_option
from trunkline.config import ConnectionSettings

LIMIT = 30.0  # s


@click.command()
@click.argument("message")
@click.option(
    "--limit",
    default=LIMIT,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Seconds to wait for the link and the reply.",
)
@connecting
@level_option
def send(
    message: str,
    *,
    limit: float,
    settings: ConnectionSettings,
    log_level: str,
) -> None:
    """Send one MESSAGE (JSON, - for stdin) and print the server's reply, as JSON.

    Exit 1 if the server refuses, or if nothing is known of the outcome.

    \b
    trunkline send '{"type":"command","command":"stop","execution_id":"1eba..."}'
    """
    import trio

    from trunkline.promise import promised

    text = sys.stdin.read() if message == "-" else message
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise click.UsageError(f"MESSAGE is not JSON: {exc}") from None
    logs.set_up("warning" if log_level == "info" else log_level)
    with promised(lambda: "it may have been sent, the answer is not known"):
        reply = trio.run(_send, decoded, opening(settings), limit)
    click.echo(orjson.dumps(reply))


async def _send(message: Any, arguments: dict[str, Any], limit: float) -> Any:
    import trio

    from trunkline.errors import NotConnected
    from trunkline.host import open_connection

    async with open_connection(**arguments) as connection:
        connection.tracker.disable()  # a single command is nobody's visit
        with trio.move_on_after(limit):
            try:
                return await connection.send(message)
            except ValueError as exc:
                raise click.UsageError(str(exc)) from None
        cause = connection.status.cause or "no reply"
        raise NotConnected(f"{arguments['url']}: nothing after {limit:g} s; last cause: {cause}")
