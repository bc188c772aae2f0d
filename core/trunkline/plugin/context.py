"""The `ctx` of a plugin: a name, its config, and verbs.

It holds no object of the host's but the tracker, so that neither the token nor another
plugin's config can be reached from it (P18).
"""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Any, Generic, TypeVar

import trio

from trunkline.activity.tracker import Tracker
from trunkline.events import Event, Gap
from trunkline.plugin.lease import Lease, Services
from trunkline.plugin_api import Overflow, Response, Undo, Where

ConfigT = TypeVar("ConfigT")

CLEANUP_LIMIT = 15.0  # s; the host's own default


class Context(Generic[ConfigT]):
    """The host's side of `PluginContext`; every verb raises once the attempt is over."""

    def __init__(self, name: str, config: ConfigT, lease: Lease) -> None:
        """Speak for the plugin `name` with what `lease` lends."""
        self._name = name
        self._config = config
        self._tracker = lease.services.tracker
        self._state: dict[str, Any] = {}
        self._log = logging.getLogger(f"trunkline.plugins.{name}")
        # a function, for neither the object nor a method of it may be found here
        self._lease: Callable[[], Lease] = lambda: lease.borrow()

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self._name

    @property
    def config(self) -> ConfigT:
        """The plugin's own table, structured; None without a class."""
        return self._config

    @property
    def log(self) -> logging.Logger:
        """A logger named after the plugin."""
        return self._log

    @property
    def tracker(self) -> Tracker:
        """Records activity."""
        return self._tracker

    @property
    def state(self) -> dict[str, Any]:
        """What the plugin's own hooks, handlers and sinks share."""
        return self._state

    def started(self) -> None:
        """Say that the plugin is up."""
        self._lease().started()

    def cleanup(self) -> AbstractContextManager[None]:
        """Shield what must still run at the end, for what is left of the time to stop."""
        return self._lease().cleanup()

    def events(
        self,
        topic: str,
        where: Where | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
    ) -> AbstractAsyncContextManager[AsyncIterator[Event | Gap]]:
        """Open a stream of the events and gaps of `topic`."""
        return self._lease().events(topic, where, buffer, overflow)

    def subscribe(
        self,
        topic: str,
        callback: Callable[[Event], object],
        where: Where | None = None,
        on_gap: Callable[[Gap], object] | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
    ) -> Undo:
        """Call `callback` for the events of `topic` until undone."""
        return self._lease().subscribe(topic, callback, where, on_gap, buffer, overflow)

    def publish(self, topic: str, type: str, data: Mapping[str, Any]) -> Event:  # noqa: A002 - the field's name
        """Publish an event on a topic this plugin owns."""
        return self._lease().publish(topic, type, data)

    def note(self, text: str) -> None:
        """Show a line for this plugin in `trunkline status`, until the next one."""
        self._lease().note(text)

    async def send(self, message: Mapping[str, Any] | Event) -> Mapping[str, Any] | None:
        """Send a message, or an activity event in the server's form; return the reply."""
        return await self._lease().services.sender.send(message)

    async def barrier(self) -> None:
        """Wait until the server has handled everything sent before."""
        await self._lease().services.sender.barrier()

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Response:
        """Ask the server's HTTP interface, on the connection's host."""
        return await self._lease().services.sender.request(method, path, params, json)


@asynccontextmanager
async def open_context(
    name: str,
    config: ConfigT,
    services: Services,
    *,
    topics: frozenset[str] = frozenset(),
    cleanup_limit: float = CLEANUP_LIMIT,
) -> AsyncIterator[Context[ConfigT]]:
    """Lend a `ctx` outside an attempt: to a command, or to the sinks of a program of one's own.

    It may publish on `topics`; each of its clean-ups may take `cleanup_limit` seconds.
    """
    lease = Lease(name, topics, services, cleanup_limit=lambda: trio.current_time() + cleanup_limit)
    async with lease.open():
        yield Context(name, config, lease)
