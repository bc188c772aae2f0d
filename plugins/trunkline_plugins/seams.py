"""What the built-ins ask of whoever they work with: a plugin's context and a connection both fit."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from trunkline import Event, Gap
from trunkline.plugin_api import Undo, Where

#: What `connection.state` on `system` says when the connection is up; no other notice says it. It
#: is retained, so who comes late is told, too.
CONNECTED = {"new": "connected"}


class Source(Protocol):
    """Somewhere to subscribe."""

    def subscribe(
        self,
        topic: str,
        callback: Callable[[Event], object],
        where: Where | None = None,
        on_gap: Callable[[Gap], object] | None = None,
    ) -> Undo:
        """Call `callback` for the events of `topic`, and `on_gap` where some may be missing."""


class Sender(Protocol):
    """Somewhere to send."""

    async def send(self, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Send a message; return the server's reply."""


class Link(Protocol):
    """Somewhere to send activity, and to learn that it was handled."""

    async def send(self, message: Event) -> object:
        """Send an activity in the server's form."""

    async def barrier(self) -> None:
        """Wait until the server has handled everything sent before."""
