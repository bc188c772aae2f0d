"""`trunkline approvals`: what waits for an answer, and answering it from a terminal."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import attrs
import click
import trio

from trunkline import PluginContext
from trunkline.plugin_api import Opener, promised
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.decision import Outcome
from trunkline_plugins.approval.listing import Watch, listed
from trunkline_plugins.approval.person import decide, find
from trunkline_plugins.approval.request import key_of
from trunkline_plugins.approval.server import Server
from trunkline_plugins.approval.words import request_lines, result_line
from trunkline_plugins.arguments import json_option, text

Context = PluginContext[ApprovalConfig]

COLOURS = {"approved": "green", "declined": "green", "pending": "yellow"}

comment_option = click.option(
    "--comment", default="", type=text, help="Say why; the agent's people see it."
)


@click.group(invoke_without_command=True)
@click.option("--all", "want_all", is_flag=True, help="Settled ones, too; the latest first.")
@click.option("--watch", "is_live", is_flag=True, help="Show them live, until Ctrl-C.")
@json_option
@click.pass_context
def approvals(click_ctx: click.Context, *, want_all: bool, is_live: bool, as_json: bool) -> None:
    """List the requests for approval that wait for an answer; the most urgent first.

    An id may be cut short as long as it names one request.

    \b
    trunkline approvals --watch
    trunkline approvals show 4738
    trunkline approvals approve 4738 --comment "as agreed"
    """
    if click_ctx.invoked_subcommand is None:
        function = _watch if is_live else listed
        trio.run(partial(_opened, click_ctx.obj, function, want_all=want_all, as_json=as_json))


@approvals.command()
@click.argument("request_id", metavar="ID")
@json_option
@click.pass_obj
def show(opener: Opener, request_id: str, *, as_json: bool) -> None:
    """Show a request with all that a decision needs, and what has happened to it."""
    trio.run(partial(_opened, opener, _show, request_id, as_json=as_json))


@approvals.command()
@click.argument("request_id", metavar="ID")
@comment_option
@json_option
@click.pass_obj
def approve(opener: Opener, request_id: str, comment: str, *, as_json: bool) -> int:
    """Let the agent go on.

    Exit 0 only if the request is approved now; 1 if it is not, or not yet: late, settled by
    somebody else, or in need of more votes.
    """
    return _decided(opener, request_id, "approve", comment, as_json=as_json)


@approvals.command()
@click.argument("request_id", metavar="ID")
@comment_option
@json_option
@click.pass_obj
def decline(opener: Opener, request_id: str, comment: str, *, as_json: bool) -> int:
    """Do not let the agent go on.

    Exit 0 only if the request is declined now; 1 if it is not.
    """
    return _decided(opener, request_id, "decline", comment, as_json=as_json)


async def _opened(opener: Opener, function: Any, *arguments: Any, **options: Any) -> Any:
    async with opener.open() as ctx:
        return await function(ctx, *arguments, **options)


async def _watch(ctx: Context, *, want_all: bool, as_json: bool) -> None:
    await Watch(ctx, want_all=want_all, as_json=as_json).run()


async def _show(ctx: Context, request_id: str, *, as_json: bool) -> None:
    server = Server(ctx)
    message = await find(server, request_id)
    history = await server.history(key_of(message["approval_request_id"]))
    if as_json:
        click.echo(json.dumps({**message, "history": history}, indent=2))
        return
    for line in request_lines(message, history, datetime.now(UTC)):
        click.echo(line)


def _decided(
    opener: Opener, request_id: str, outcome: Outcome, comment: str, *, as_json: bool
) -> int:
    passed: list[str] = []

    def known() -> str:
        if not passed:
            return "nothing was sent"
        return f"sent, the answer is not known; look: trunkline approvals show {request_id}"

    with promised(known):
        deciding = partial(_opened, opener, decide, request_id, outcome, comment, passed.append)
        message, result = trio.run(deciding)
        if as_json:
            told = {**attrs.asdict(result), "tool_name": message.get("tool_name")}
            click.echo(json.dumps({**told, "is_done": result.is_done}))
        else:
            colour = COLOURS.get(result.result, "red") if result.is_done else "yellow"
            click.echo(click.style(result_line(message, result), fg=colour))
    return 0 if result.is_done else 1
