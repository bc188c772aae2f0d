"""Compares the table with what the server's REST interface says, which knows everything.

The server can go deaf: cut off from its message bus it answers pings and pushes nothing any more
(protocol §12). And what happens during a gap, or before the start, no event tells.
"""

from collections.abc import AsyncIterator
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
    found = {
        key_of(message["approval_request_id"]): message
        async for message in server.requests(PENDING)
    }
    silent = [approval.id for approval in store.pending() if approval.id not in found]
    for request_id in silent[:MOST_READ]:
        message = await server.request(request_id)
        found[request_id] = message or _gone(request_id)
    return [message for message in found.values() if is_news(store, message)]


async def missed_since(server: Server, since: datetime) -> AsyncIterator[Message]:
    """Yield what is pending, and all that was requested since then, each once.

    Raises: as `Server.request`.
    """
    seen = set()
    async for message in server.requests(PENDING):
        seen.add(message["approval_request_id"])
        yield message
    async for message in server.requests():
        requested_at = view_of(message).requested_at
        if requested_at is None or requested_at < since:
            return
        if message["approval_request_id"] not in seen:
            yield message


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
