"""Commands for executions (protocol §9): what to send, and what its answer means."""

from collections.abc import Mapping
from typing import Any

from trunkline import Rejected
from trunkline_plugins.seams import Sender

Reply = Mapping[str, Any]


async def stop(ctx: Sender, execution_id: str, reason: str | None = None) -> Reply:
    """Stop an execution; return the server's acknowledgement.

    Its `status` is `stopped`, or `not_running` with `execution_status` for one that had ended.
    A store that follows the same connection has it by the time this returns.

    Raises:
        Rejected: not permitted, or there is no such execution; the server does not say which.
    """
    message: dict[str, Any] = {"type": "command", "command": "stop", "execution_id": execution_id}
    if reason is not None:
        message["payload"] = {"reason": reason}
    return _answer(await ctx.send(message))


async def send_message(ctx: Sender, execution_id: str, text: str) -> Reply:
    """Say something to the agent of an execution; return the server's acknowledgement.

    `command_sent` means that it was passed on, not that an agent has read it: the same is said
    of an execution that has ended.

    Raises:
        Rejected: not permitted, no such execution, or the server could not pass it on.
    """
    reply = _answer(
        await ctx.send(
            {
                "type": "command",
                "command": "send_message",
                "execution_id": execution_id,
                "message": text,
            }
        )
    )
    if reply.get("status") == "command_not_sent":
        raise Rejected("the server could not pass the message on; send it again later", reply)
    return reply


def _answer(reply: Reply | None) -> Reply:
    return reply if reply is not None else {}  # the server always answers a command
