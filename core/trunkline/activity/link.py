"""The server as a sink: whom it takes us for, and whose events it may get.

A file that was filled under one account is not sent under another: it waits, and says so
(connection CR4). An anonymous host has no account, so what it kept may go to the first one.
"""

from collections.abc import Callable
from typing import Any, Protocol

from trunkline.activity.keeper import Keeper
from trunkline.activity.outbox import Place

ANONYMOUS = ""


class Link(Protocol):
    """The connection, as the activity sees it."""

    @property
    def account(self) -> str | None:
        """Whom the server takes us for: the user's id, `ANONYMOUS`; None without a link."""

    def greet(self) -> None:
        """Say hello again in this epoch, if there is one."""

    def on_state_change(self, callback: Callable[[Any], None]) -> Callable[[], None]:
        """Call `callback` at every change of state; return its undo."""


class Gate:
    """Stands before the sink that is the server."""

    def __init__(self, sink: str, keeper: Keeper, link: Link) -> None:
        self._sink = sink
        self._keeper = keeper
        self._link = link

    async def refusal(self, place: Place) -> tuple[str, str] | None:
        """Return state and reason why nothing may be sent now; None where it may."""
        account = self._link.account
        if account is None:
            return "waiting", ""  # no link is no failure: the connection tells of it
        if place.account is not None and place.account != account:
            return "held", (
                "the outbox holds events of another account; run with that token until they are"
                " sent, or move the file away"
            )
        if account != ANONYMOUS and place.account is None:
            await self._keeper.ask(lambda outbox: outbox.set_account(self._sink, account))
        return None
