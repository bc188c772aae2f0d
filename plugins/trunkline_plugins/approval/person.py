"""What a person at a terminal does with requests: find one by the beginning of its id, decide it."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import attrs
import trio

from trunkline import Event, Gap, InvalidData, PluginContext, TrunklineError
from trunkline.plugin_api import UserError
from trunkline_plugins.approval.answer import Result
from trunkline_plugins.approval.config import ApprovalConfig
from trunkline_plugins.approval.deciding import At, Deciding, nowhere
from trunkline_plugins.approval.decision import Decision, Outcome
from trunkline_plugins.approval.log import DecisionLog
from trunkline_plugins.approval.request import PENDING, TOPIC, Message, digest, key_of, view_of
from trunkline_plugins.approval.server import Server
from trunkline_plugins.approval.types import ApprovalVoteReceived
from trunkline_plugins.asking import is_id
from trunkline_plugins.audit import actor

FULL_LENGTH = 36  # characters of a UUID
LINK_LIMIT = 3.0  # s; without a link a vote counts all the same, but nobody says how many there are
VOTE_LIMIT = 2.0  # s after the server's answer
MOST_NAMED = 5  # requests that an ambiguous id names

Items = AsyncIterator[Event | Gap]


async def find(server: Server, prefix: str, *, is_to_decide: bool = False) -> Message:
    """Return the request that an id, or its beginning, names.

    To be decided, pending ones come first: of those that are settled there are many.

    Raises:
        UserError: it names none, or several.
        TrunklineError: as `Server.request`.
    """
    wanted = key_of(prefix)
    if not is_id(prefix):
        raise UserError(f"{prefix!r} is no id of a request; `trunkline approvals` lists them")
    if len(wanted) == FULL_LENGTH:
        found = [await server.request(prefix)]
    else:
        found = await _beginning(server, wanted, PENDING) if is_to_decide else []
        found = found or await _beginning(server, wanted, None)
    match found:
        case [dict() as message]:
            return message
        case [_, _, *_]:
            named = ", ".join(
                str(each["approval_request_id"]) for each in found[:MOST_NAMED] if each
            )
            raise UserError(
                f"{prefix} is the beginning of {len(found)} requests: {named}; give more"
            )
    raise UserError(f"no request {prefix}; `trunkline approvals --all` lists them")


async def _beginning(server: Server, wanted: str, status: str | None) -> list[Message | None]:
    return [
        message
        async for message in server.requests(status)
        if key_of(message["approval_request_id"]).startswith(wanted)
    ]


async def decide(
    ctx: PluginContext[ApprovalConfig],
    prefix: str,
    outcome: Outcome,
    comment: str = "",
    at: At = nowhere,
) -> tuple[Message, Result]:
    """Decide a request in the name of whoever is logged in here; return it, and what became of it.

    `at` hears how far it came, as `Deciding` tells.

    Raises:
        UserError: there is no such request, or the log of decisions cannot be written.
        AlreadyStored: another decision about it is on its way.
        TrunklineError: the server cannot be asked; nothing is decided.
    """
    server = Server(ctx)
    message = await find(server, prefix, is_to_decide=True)
    view = view_of(message)
    who = actor()
    decision = Decision(
        request=key_of(view.approval_request_id),
        outcome=outcome,
        hash=digest(view),
        by=who["user"],
        is_by_rule=False,
        host=who["machine"],
        tool_name=view.tool_name,
        comment=comment,
    )
    log = DecisionLog(ctx.config.audit)
    deciding = Deciding(server, log, now=lambda: datetime.now(UTC), at=at)
    where = {"approval_request_id": view.approval_request_id}
    async with ctx.events(TOPIC, where) as events:
        with trio.move_on_after(LINK_LIMIT), suppress(TrunklineError):
            await ctx.barrier()  # the link is up, so a vote that comes back will be seen
        try:
            result = await deciding.decide(decision)
        except OSError as exc:
            raise UserError(
                f"{log.path}: the decision cannot be written down, so it was not sent: {exc.strerror}"
            ) from exc
        if result.result == PENDING:
            result = await _with_votes(events, result)
    return message, result


async def _with_votes(events: Items, result: Result) -> Result:
    """Wait for the event that counts the votes; without it they are not known."""
    with trio.move_on_after(VOTE_LIMIT):
        async for item in events:
            if isinstance(item, Event) and item.type == ApprovalVoteReceived.type:
                with suppress(InvalidData):
                    vote = item.as_(ApprovalVoteReceived)
                    return attrs.evolve(
                        result, votes=vote.approval_count, votes_required=vote.approvals_required
                    )
    return result
