"""Compares the table with what the server's REST interface says, which knows everything.

No event tells what happened during a gap or before the start, nor anything once the server has
fallen silent.
"""

from contextlib import aclosing
from datetime import datetime

from trunkline import InvalidData
from trunkline_plugins.approval.request import PENDING, Message, digest, key_of, view_of
from trunkline_plugins.approval.server import Server
from trunkline_plugins.approval.store import EXPIRED, ApprovalStore

MOST_READ = 100  # requests that are read one by one in a comparison; the rest waits for the next


async def differences(server: Server, store: ApprovalStore) -> list[Message]:
    """Return a message for each request that stands differently at the server.

    Raises: as `Server.request`.
    """
    found = await _standing(server, store)
    return [message for message in found.values() if is_news(store, message)]


async def missed_since(server: Server, store: ApprovalStore, since: datetime) -> list[Message]:
    """Return what is pending, what was as far as the table knows, and what came since then.

    Raises: as `Server.request`.
    """
    found = await _standing(server, store)
    async with aclosing(server.requests()) as messages:
        async for message in messages:
            if _is_older(message, since):
                break
            found.setdefault(key_of(message["approval_request_id"]), message)
    return [*found.values()]


async def _standing(server: Server, store: ApprovalStore) -> dict[str, Message]:
    """Return {id: message} for what is pending at the server, and for what is in the table."""
    found = {
        key_of(message["approval_request_id"]): message
        async for message in server.requests(PENDING)
    }
    silent = [approval.id for approval in store.pending() if approval.id not in found]
    for request_id in silent[:MOST_READ]:
        found[request_id] = await server.request(request_id) or _gone(request_id)
    return found


def _is_older(message: Message, since: datetime) -> bool:
    """Tell whether a request was made before; of one that cannot be read nobody knows."""
    try:
        requested_at = view_of(message).requested_at
    except InvalidData:
        return False
    return requested_at is None or requested_at < since


def is_news(store: ApprovalStore, message: Message) -> bool:
    """Tell whether a message says something that the table does not know."""
    try:
        view = view_of(message)
    except InvalidData:
        return False
    known = store.get(view.approval_request_id)
    if known is None:
        return True
    if known.status == EXPIRED and view.status == PENDING:  # by our clock, which may be fast
        return known.hash != digest(view)
    return known.is_uncertain or known.status != view.status


def _gone(request_id: str) -> Message:
    """Return what it means that the server no longer knows a request: nobody waits for it."""
    return {
        "type": "approval_cancelled",
        "approval_request_id": request_id,
        "status": "cancelled",
    }
