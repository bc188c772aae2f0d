"""What a plugin author imports, beside `trunkline` itself: types, no machinery.

The registrars and the context are protocols here; the host's own classes stand behind them. A
signature on this page gains arguments only with a default (plugins P28).
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar

import attrs

from trunkline.config import Seconds, Secret
from trunkline.errors import NotReady, PluginFatal, Reject, UserError
from trunkline.events import Event, Gap
from trunkline.promise import promised
from trunkline.retry_after import retry_after
from trunkline.where import Conditions, WhereError, compile_where

if TYPE_CHECKING:
    from trunkline.activity.tracker import Tracker

__all__ = [
    "Classifiers",
    "Condition",
    "Conditions",
    "Filters",
    "NotReady",
    "Opener",
    "Overflow",
    "PluginContext",
    "PluginFatal",
    "PluginInfo",
    "Reject",
    "Response",
    "Seconds",
    "Secret",
    "Sink",
    "Sinks",
    "Subscriptions",
    "Topics",
    "Undo",
    "UserError",
    "Where",
    "WhereError",
    "compile_where",
    "promised",
    "retry_after",
]

ConfigT = TypeVar("ConfigT")
ConfigT_co = TypeVar("ConfigT_co", covariant=True)

#: Conditions as data: dotted path to a value, a collection of values, or operators.
Condition = Mapping[str, Any]
#: Conditions as data, or any callable that judges an event.
Where = Condition | Callable[[Event], bool]
#: What a full mailbox does.
Overflow = Literal["drop_oldest", "close"]
#: Ends what was registered; calling it again does nothing.
Undo = Callable[[], None]

Handler = Callable[..., object]


@attrs.frozen
class PluginInfo(Generic[ConfigT]):
    """What a plugin needs; stands in its module or instance as `trunkline_plugin`."""

    config: type[ConfigT] | None = None
    """An attrs class: the shape of the plugin's own table, `[plugin.NAME]`."""
    requires: tuple[str, ...] = ()
    """Plugins without which this one does not load."""
    after: tuple[str, ...] = ()
    """Plugins that come first if they are there."""


@attrs.frozen
class Response:
    """The server's answer to a request; of any status, an error's too."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    data: Any
    """The body: decoded where it is JSON, else as text; None where there is none."""


class Topics(Protocol):
    """Takes the topics a plugin owns."""

    def add(self, name: str, *, match: Condition | None = None) -> None:
        """Own topic `name`; messages that hold to `match` belong to it."""


class Classifiers(Protocol):
    """Takes functions that tell the topic of a message."""

    def add(self, name: str, function: Callable[[Any], str | None], *, whole: bool = False) -> None:
        """Ask `function` for the topic of a type, once per type; with `whole`, of each message."""


class Filters(Protocol):
    """Takes functions that every event passes before it is routed."""

    def add(
        self,
        name: str,
        function: Callable[[Event], Event | None],
        *,
        topics: Collection[str] = ("*",),
        where: Where | None = None,
    ) -> None:
        """Let `function` keep, change or drop (None) events; one that raises drops."""


class Sink(Protocol):
    """Somewhere events are delivered in batches (activity.md §4)."""

    async def write(self, events: Sequence[Event]) -> None:
        """Deliver the batch; raise `NotReady`, `Reject` or anything else if it cannot."""


class Sinks(Protocol):
    """Takes the sinks of a plugin."""

    def add(
        self,
        name: str,
        sink: Sink | Callable[..., Awaitable[None]],
        *,
        topics: Collection[str] = ("activity",),
        batch: int = 100,
        linger: float = 1.0,
        idempotent: bool = False,
        greets: bool = False,
        shares: Collection[str] = (),
    ) -> None:
        """Deliver events of `topics` to `sink`, at most `batch` at once, `linger` seconds late.

        `greets` is for the server itself: the host then begins each epoch with a session hello.
        `shares` says what the server may see beyond the least: `subject`, where there is a token;
        `anonymous`, whole records where there is none.
        """


class Subscriptions(Protocol):
    """Takes the handlers of a plugin."""

    def add(
        self,
        topic: str,
        handler: Handler,
        *,
        where: Where | None = None,
        on_gap: Callable[[Gap], object] | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
    ) -> None:
        """Call `handler(event)` or `handler(event, ctx)` for the events of `topic`."""


class PluginContext(Protocol[ConfigT_co]):
    """What a running plugin works with; everything it gave out ends with its attempt."""

    @property
    def name(self) -> str:
        """The plugin's name."""

    @property
    def config(self) -> ConfigT_co:
        """The plugin's own table, structured; None without a class."""

    @property
    def log(self) -> logging.Logger:
        """A logger named after the plugin."""

    @property
    def tracker(self) -> "Tracker":
        """Records activity."""

    @property
    def state(self) -> dict[str, Any]:
        """What the plugin's own hooks, handlers and sinks share; it ends with the attempt."""

    def started(self) -> None:
        """Say that the plugin is up; others wait for it at most `start_timeout`."""

    def cleanup(self) -> AbstractContextManager[None]:
        """Shield what must still run at the end, for what is left of `stop_timeout`."""

    def events(
        self,
        topic: str,
        where: Where | None = None,
        buffer: int = 256,
        overflow: Overflow = "drop_oldest",
    ) -> AbstractAsyncContextManager[AsyncIterator[Event | Gap]]:
        """Open a stream of the events and gaps of `topic`."""

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

    def publish(self, topic: str, type: str, data: Mapping[str, Any]) -> Event:  # noqa: A002 - the field's name
        """Publish an event on a topic this plugin owns."""

    def note(self, text: str) -> None:
        """Show a line for this plugin in `trunkline status`, until the next one."""

    async def send(self, message: Mapping[str, Any] | Event) -> Mapping[str, Any] | None:
        """Send a message, or an activity event in the server's form; return the reply."""

    async def barrier(self) -> None:
        """Wait until the server has handled everything sent before."""

    async def request(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> Response:
        """Ask the server's HTTP interface, on the connection's host; the host adds the credentials."""


class Opener(Protocol):
    """What a plugin's command finds as click's `obj` (entry points `trunkline.commands`)."""

    def open(self) -> AbstractAsyncContextManager[PluginContext[Any]]:
        """Lend a `ctx` over a connection of its own, by --config, or --url and --token-env.

        `ctx.config` is the table of the plugin that the command belongs to.
        """
