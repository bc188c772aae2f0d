"""`trunkline flows`: the executions of the account, and what a person does about one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import attrs
import click
import orjson
import trio

from trunkline import PluginContext
from trunkline.plugin_api import Opener, UserError, promised
from trunkline_plugins.arguments import json_option, text
from trunkline_plugins.asking import FAILURES, rows
from trunkline_plugins.flow import control
from trunkline_plugins.flow.execution import Execution
from trunkline_plugins.flow.fetching import PATH, fetch_log, messages_of
from trunkline_plugins.flow.finding import found_id, found_row
from trunkline_plugins.flow.following import Following
from trunkline_plugins.flow.lifecycle import SUCCEEDED
from trunkline_plugins.flow.log import LogEntry
from trunkline_plugins.flow.store import ExecutionStore
from trunkline_plugins.flow.table import COLUMNS, detail, line_of
from trunkline_plugins.flow.table import rows as table_rows
from trunkline_plugins.text import aligned

Context = PluginContext[Any]
T = TypeVar("T")

SHOWN = 25  # executions of a list where nothing is said
LIMIT = 30.0  # s for the link and the acknowledgement
UNKNOWN = "it may have been sent, the answer is not known; look: trunkline flows show"
COLOURS = {"error": "red", "warning": "yellow", "status": "cyan", "tool": "bright_black"}

limit_option = click.option(
    "--limit",
    default=LIMIT,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Seconds to wait for the link and the server's acknowledgement.",
)


@click.group(invoke_without_command=True)
@click.option("--status", multiple=True, type=text, help="Only those with this status; repeatable.")
@click.option(
    "--count", default=SHOWN, show_default=True, type=click.IntRange(1, 10_000), help="At most."
)
@json_option
@click.pass_context
def flows(click_ctx: click.Context, *, status: tuple[str, ...], count: int, as_json: bool) -> None:
    """List executions, those at work before those that have ended, the latest first.

    An id may be cut short as long as it names one execution.

    \b
    trunkline flows --status RUNNING
    trunkline flows follow 1eba
    trunkline flows stop 1eba --reason "wrong branch"
    """
    if click_ctx.invoked_subcommand is None:
        listing = partial(_list, status=status, count=count, as_json=as_json)
        trio.run(_opened, click_ctx.obj, listing)


@flows.command()
@click.argument("execution_id", metavar="ID")
@json_option
@click.pass_obj
def show(opener: Opener, execution_id: str, *, as_json: bool) -> None:
    """Show everything that is known of an execution, and the last lines of its log."""
    trio.run(_opened, opener, partial(_show, execution_id=execution_id, as_json=as_json))


@flows.command()
@click.argument("execution_id", metavar="ID")
@json_option
@click.pass_obj
def follow(opener: Opener, execution_id: str, *, as_json: bool) -> int:
    """Print what an execution writes, from what is stored of it on, until it ends.

    Exit 0 if it has succeeded, else 1.
    """
    following = partial(_follow, execution_id=execution_id, as_json=as_json)
    with promised(lambda: "how it ends is not known"):
        execution = trio.run(_opened, opener, following)
    return 0 if execution.status == SUCCEEDED else 1


@flows.command()
@click.argument("execution_id", metavar="ID")
@click.option("--reason", type=text, help="Say why; it stands in the record of the execution.")
@limit_option
@json_option
@click.pass_obj
def stop(
    opener: Opener, execution_id: str, *, reason: str | None, limit: float, as_json: bool
) -> None:
    """Stop an execution, and wait for the server's word that it has.

    Exit 1 if the server refuses, or if nothing is known of the outcome.
    """
    stopping = partial(_stop, execution_id=execution_id, reason=reason, as_json=as_json)
    with promised(lambda: f"{UNKNOWN} {execution_id}"):
        trio.run(_opened, opener, partial(_answered, act=stopping, limit=limit))


@flows.command()
@click.argument("execution_id", metavar="ID")
@click.argument("message", type=text)
@limit_option
@json_option
@click.pass_obj
def say(opener: Opener, execution_id: str, message: str, *, limit: float, as_json: bool) -> None:
    """Say MESSAGE to the agent of an execution, and wait until the server has passed it on.

    Whether an agent reads it is not told by the server.
    """
    saying = partial(_say, execution_id=execution_id, message=message, as_json=as_json)
    with promised(lambda: f"{UNKNOWN} {execution_id}"):
        trio.run(_opened, opener, partial(_answered, act=saying, limit=limit))


async def _opened(opener: Opener, function: Callable[[Context], Awaitable[T]]) -> T:
    """Call `function` with a `ctx`; what the server or the network says becomes a line."""
    async with opener.open() as ctx:
        try:
            return await function(ctx)
        except FAILURES as exc:
            raise UserError(str(exc)) from None


async def _answered(ctx: Context, act: Callable[[Context], Awaitable[None]], limit: float) -> None:
    with trio.move_on_after(limit) as scope:
        await act(ctx)
    if scope.cancelled_caught:
        raise UserError(
            f"no answer within {limit:g} s, so the outcome is unknown; look at it by `trunkline flows`"
        )


async def _list(ctx: Context, *, status: tuple[str, ...], count: int, as_json: bool) -> None:
    params = {"status": ",".join(status)} if status else None
    found = await rows(ctx, PATH, params, most=count)
    store = ExecutionStore(limit=count)
    for row in found.rows:
        store.absorb(messages_of(row), "start", are_rows=True)
    if as_json:
        click.echo(_json([_plain(each) for each in store.executions()]))
        return
    if not found.rows:
        click.echo("no executions" + (f" with status {', '.join(status)}" if status else ""))
        return
    click.echo(aligned(COLUMNS, table_rows(store.executions(), datetime.now(UTC))))
    if not found.are_all:
        shown = f"{len(found.rows)} of {found.total or 'perhaps more'}"
        click.echo(f"{shown}; more by --count", err=True)


async def _show(ctx: Context, *, execution_id: str, as_json: bool) -> None:
    row = await found_row(ctx, execution_id)
    store = ExecutionStore()
    store.absorb(messages_of(row), "start", are_rows=True)
    store.absorb(await fetch_log(ctx, str(row["id"])), "start")
    [execution] = store.executions()
    if as_json:
        log = [_entry(each) for each in execution.log]
        click.echo(_json({**_plain(execution), "log": log}))
        return
    for name, value in detail(execution, row):
        click.echo(f"{name:11} {value}")
    if execution.log:
        click.echo()
    for entry in execution.log:
        _print(entry)


async def _follow(ctx: Context, *, execution_id: str, as_json: bool) -> Execution:
    row = await found_row(ctx, execution_id)
    tell = partial(click.echo, err=True)
    following = Following(ctx, row, _print_json if as_json else _print, tell)
    execution = await following.run()
    if as_json:
        click.echo(_json({"execution": _plain(execution)}))
    else:
        spent = [value for name, value in detail(execution, {}) if name in {"tokens", "cost"}]
        took = (execution.ended_at or execution.updated_at) - execution.started_at
        parts = [execution.status, f"after {took.total_seconds():.0f} s", *spent]
        colour = "green" if execution.status == SUCCEEDED else "red"
        click.echo(click.style(", ".join(parts), fg=colour, bold=True))
    return execution


async def _stop(ctx: Context, *, execution_id: str, reason: str | None, as_json: bool) -> None:
    full_id = await found_id(ctx, execution_id)
    reply = await control.stop(ctx, full_id, reason)
    if as_json:
        click.echo(_json({"execution_id": full_id, **_answer(reply)}))
    elif reply.get("status") == "not_running":
        click.echo(f"{full_id} had ended before: {reply.get('execution_status')}")
    else:
        click.echo(f"{full_id} is stopped")


async def _say(ctx: Context, *, execution_id: str, message: str, as_json: bool) -> None:
    row = await found_row(ctx, execution_id)
    full_id = str(row["id"])
    reply = await control.send_message(ctx, full_id, message)
    if as_json:
        click.echo(_json({"execution_id": full_id, **_answer(reply)}))
        return
    click.echo(f"passed on to {full_id}")
    if row.get("end_time"):
        click.echo(f"but it has ended: {row.get('status')}; nobody will read it", err=True)


def _answer(reply: Any) -> dict[str, Any]:
    return {key: reply[key] for key in ("status", "execution_status") if key in reply}


def _print(entry: LogEntry) -> None:
    colour = COLOURS.get(entry.level)
    text = line_of(entry)
    click.echo(click.style(text, fg=colour) if colour else text)


def _print_json(entry: LogEntry) -> None:
    click.echo(orjson.dumps(_entry(entry)))


def _entry(entry: LogEntry) -> dict[str, Any]:
    return {"at": entry.at, "level": entry.level, "text": entry.text}


def _plain(execution: Execution) -> dict[str, Any]:
    return attrs.asdict(
        execution, filter=lambda field, _: field.name not in {"log", "is_uncertain"}
    )


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
