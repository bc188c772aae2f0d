"""`trunkline tail`: events and gaps of a topic, one line each, as they come."""

from typing import Any

import click

from trunkline.cli import logs
from trunkline.cli.completing import complete_topic
from trunkline.cli.meaning import opening, where_of
from trunkline.cli.options import connecting, json_option, level_option
from trunkline.config import EVERY_TOPIC, ConnectionSettings, is_topic
from trunkline.text import escaped

COLOURS = {"error": "red", "warning": "yellow"}


def _topic(_ctx: click.Context, _param: click.Parameter, name: str) -> str:
    """Refuse what can be no topic."""
    if name != EVERY_TOPIC and not is_topic(name):
        raise click.BadParameter(f"{name!r} is no topic: 1 to 128 of A-Z a-z 0-9 _ . : -, or '*'")
    return name


@click.command()
@click.argument("topic", callback=_topic, shell_complete=complete_topic)
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="PATH=VALUE",
    help="Only events where this holds; repeatable, all must hold.",
)
@json_option
@click.option("--raw", is_flag=True, help="Print the messages as the server sent them, JSON lines.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many events.")
@connecting
@level_option
def tail(
    topic: str,
    *,
    conditions: tuple[str, ...],
    as_json: bool,
    raw: bool,
    count: int | None,
    settings: ConnectionSettings,
    log_level: str,
) -> None:
    """Print events and gaps of TOPIC as they come, until Ctrl-C; `*` is every topic.

    Works without a file: --url, and --token-env where a token is needed.

    \b
    trunkline tail flow_executions --where execution_id=1eba --url wss://... --token-env TOKEN
    """
    import trio

    where = where_of(conditions)
    logs.set_up(log_level)
    form = "raw" if raw else "json" if as_json else "text"
    trio.run(_tail, topic, where, opening(settings), form, count)


async def _tail(
    topic: str, where: Any, arguments: dict[str, Any], form: str, count: int | None
) -> None:
    from trunkline.events import Event
    from trunkline.host import open_connection

    async with (
        open_connection(**arguments) as connection,
        connection.events(topic, where, buffer=10_000) as events,
    ):
        async for item in events:
            line = _line(item, form)
            if line is not None:
                click.echo(line)
            if count is not None and isinstance(item, Event):
                count -= 1
                if not count:
                    return


def _line(item: Any, form: str) -> str | None:
    """Return the line for an event or a gap; None where the form has none."""
    import orjson

    from trunkline.events import Gap

    if isinstance(item, Gap):
        if form == "raw":
            return None
        if form == "json":
            return item.to_json()
        text = f"-- gap ({item.cause}): events may be missing from {item.since:%H:%M:%S} to {item.until:%H:%M:%S}"
        return click.style(text, fg="yellow")
    if form == "raw":
        return orjson.dumps(dict(item.data)).decode()
    if form == "json":
        return str(item.to_json())
    when = f"{item.received_at.astimezone():%H:%M:%S}"
    about = item.get("execution_id") or item.get("approval_request_id") or ""
    colour = COLOURS.get(item.get("payload.level", ""))
    text = f"{when} {item.topic} {escaped(item.type)} {escaped(about)[:8]} {escaped(_gist(item))}"
    return click.style(text, fg=colour) if colour else text


def _gist(item: Any) -> str:
    """Return the part of an event that people look for first."""
    import orjson

    for path in (
        "payload.line",
        "payload.message",
        "payload.error",
        "payload.status",
        "tool_name",
        "activity.event_type",
        "new",
        "payload.action",
    ):
        if found := item.get(path):
            return str(found)
    return orjson.dumps(item.get("payload", dict(item.data)), default=str).decode()
