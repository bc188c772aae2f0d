"""What one attempt of a plugin has borrowed from the host, and how all of it is given back.

The lease holds the router and the sender; the plugin never sees it. Its `Context` holds a
function that returns the lease, or raises once the attempt is over (P13, P14).
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Protocol

import attrs
import orjson
import trio

from trunkline.activity.tracker import Tracker
from trunkline.background import background_nursery
from trunkline.errors import PluginError
from trunkline.events import Event, Gap
from trunkline.plugin.binding import telling
from trunkline.plugin_api import Overflow, Response, Undo, Where
from trunkline.routing.router import Router

PUBLISH_LIMIT = 4 * 1024 * 1024  # bytes of JSON; as much as a message may have, and a mailbox


class Sender(Protocol):
    """Where messages leave: the connection."""

    async def send(self, message: Mapping[str, Any] | Event) -> Mapping[str, Any] | None:
        """Send a message; return the server's reply."""

    async def barrier(self) -> None:
        """Wait until the server has handled everything sent before."""

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None, json: Any
    ) -> Response:
        """Ask the server's HTTP interface."""


@attrs.frozen
class Services:
    """What the host lends to its plugins."""

    router: Router
    sender: Sender
    tracker: Tracker
    walltime: Callable[[], float]
    """Seconds since 1970."""


def _nothing(*_: object) -> None:
    """Take no notice."""


class Lease:
    """Everything that one attempt uses; leaving `open` takes it back."""

    def __init__(
        self,
        owner: str,
        topics: frozenset[str],
        services: Services,
        *,
        cleanup_limit: Callable[[], float],
        on_started: Callable[[], None] = _nothing,
        on_note: Callable[[str], None] = _nothing,
    ) -> None:
        """Borrow for the plugin `owner`, which owns `topics`.

        `cleanup_limit` says until when, on Trio's clock, a clean-up may take.
        """
        self.services = services
        self.started = on_started
        self.note = on_note
        self._owner = owner
        self._topics = topics
        self._nursery: trio.Nursery | None = None  # for the workers of callbacks
        self._cleanup_limit = cleanup_limit
        self._cleanups: set[trio.CancelScope] = set()
        self._undos: dict[object, Undo] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Lend inside, and take everything back at the end."""
        async with background_nursery() as nursery:
            self._nursery = nursery
            try:
                yield
            finally:
                self._nursery = None
                while self._undos:
                    self._undos.popitem()[1]()

    def borrow(self) -> "Lease":
        """Return the lease itself.

        Raises:
            PluginError: the attempt is over.
        """
        if self._nursery is None:
            raise PluginError(f"plugin {self._owner}: this `ctx` ended with its attempt")
        return self

    def subscribe(
        self,
        topic: str,
        callback: Callable[[Event], object],
        where: Where | None,
        on_gap: Callable[[Gap], object] | None,
        buffer: int,
        overflow: Overflow,
    ) -> Undo:
        """Subscribe until undone, or until the attempt is over."""
        undo = self.services.router.subscribe(
            topic,
            telling(self._owner, callback),
            where,
            on_gap,
            buffer,
            overflow,
            owner=self._owner,
            nursery=self._nursery,
        )
        key = object()
        self._undos[key] = undo

        def undo_once() -> None:
            if self._undos.pop(key, None) is not None:
                undo()

        return undo_once

    def events(
        self, topic: str, where: Where | None, buffer: int, overflow: Overflow
    ) -> AbstractAsyncContextManager[AsyncIterator[Event | Gap]]:
        """Open a stream; its scope lies within the attempt, because the plugin's task does."""
        return self.services.router.events(topic, where, buffer, overflow)

    def publish(self, topic: str, type_: str, data: Mapping[str, Any]) -> Event:
        """Publish an event on a topic the plugin owns; later changes of `data` are not seen."""
        if topic not in self._topics:
            owned = ", ".join(sorted(self._topics)) or "none"
            raise PluginError(
                f"plugin {self._owner} does not own topic `{topic}`; it owns: {owned}"
            )
        try:
            encoded = orjson.dumps(dict(data))
        except orjson.JSONEncodeError as exc:
            raise PluginError(f"topic {topic}: the data is not JSON: {exc}") from exc
        if len(encoded) > PUBLISH_LIMIT:
            raise PluginError(f"topic {topic}: {len(encoded)} bytes; at most {PUBLISH_LIMIT}")
        received = self.services.walltime()
        event = Event(topic, type_, orjson.loads(encoded), origin="local", received=received)
        self.services.router.publish(event, len(encoded))
        return event

    @contextmanager
    def cleanup(self) -> Iterator[None]:
        """Shield what runs inside, up to the limit."""
        with trio.CancelScope(shield=True, deadline=self._cleanup_limit()) as scope:
            self._cleanups.add(scope)
            try:
                yield
            finally:
                self._cleanups.discard(scope)

    def hasten(self) -> None:
        """Apply an earlier limit to the clean-ups that are under way."""
        for scope in self._cleanups:
            scope.deadline = min(scope.deadline, self._cleanup_limit())
