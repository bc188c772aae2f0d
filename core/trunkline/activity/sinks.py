"""A sink as the delivery gets it: the object that writes, and how it wants its batches."""

from collections.abc import Awaitable, Callable

import attrs

from trunkline.activity.outbox import SinkKey
from trunkline.plugin_api import Sink


@attrs.frozen
class SinkRule:
    """One registered sink."""

    name: str
    """Its full name, `plugin.sink`: it keys the cursor, so renaming it starts a new one."""
    owner: str
    """The plugin that registered it."""
    sink: Sink | Callable[..., Awaitable[None]]
    """A function of the batch, or an object with such a `write`; where that is an async context
    manager too, it is opened before its first batch and closed after its last. A plugin's
    function may want `ctx` as well, until `PluginRunner.bound_sinks` has bound it."""
    topics: tuple[str, ...] = ("activity",)
    batch: int = 100
    """At most so many events at once."""
    linger: float = 1.0
    """Seconds an event may wait for company."""
    idempotent: bool = False
    """Events of an id it has seen change nothing."""
    greets: bool = False
    """It is the server: each epoch begins with a session hello, before what it is given."""
    shares: frozenset[str] = frozenset()
    """What the server may see beyond the least: `subject`, where there is a token; `anonymous`, the
    whole record where there is none."""

    @property
    def key(self) -> SinkKey:
        """The sink as the outbox knows it."""
        return SinkKey(self.name, self.owner, self.topics)
