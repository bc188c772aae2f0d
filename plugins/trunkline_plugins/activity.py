"""Built-in plugin `activity`: what somebody did, from the server as classes, and out to sinks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

import attrs

from trunkline import Event, NotSent, PluginContext, PluginInfo, hookimpl
from trunkline.plugin_api import NotReady, Sinks, Topics
from trunkline_plugins.seams import Link
from trunkline_plugins.sinks.console import ConsoleSettings
from trunkline_plugins.sinks.jsonl import JsonlSettings
from trunkline_plugins.sinks.postgresql import PostgresqlSettings
from trunkline_plugins.sinks.sqlite import SqliteSettings
from trunkline_plugins.sinks.webhook import WebhookSettings
from trunkline_plugins.status_line import keep_noting

TOPIC = "activity"
UPSTREAM = "upstream"
UPSTREAM_BATCH = 64  # a command waits behind one batch at most, so it is a small one
KNOWN_TYPES = ("page_view", "action", "conversion", "session_hello")

SinkSettings = (
    ConsoleSettings | JsonlSettings | PostgresqlSettings | SqliteSettings | WebhookSettings
)


@attrs.frozen(kw_only=True)
class Activity:
    """One thing that somebody did, as the server has stored it."""

    id: str
    """The server's; ours is `own_id`."""
    session_id: str | None = None
    user_id: str | None = None
    account_id: str | None = None
    event_type: str
    timestamp: datetime
    path: str | None = None
    action: str | None = None
    event_data: Any = None

    @property
    def own_id(self) -> str | None:
        """The id under which a Trunkline recorded it; None for activity of other clients."""
        data: object = self.event_data
        own = data.get("_trunkline") if isinstance(data, Mapping) else None
        own_id = own.get("id") if isinstance(own, Mapping) else None
        return own_id if isinstance(own_id, str) else None


@attrs.frozen(kw_only=True)
class ActivityUpdate:
    """Somebody of the account did something; or somebody unknown, of any account (S2)."""

    type: ClassVar[str] = "activity_update"
    account_id: str | None = None
    activity: Activity


@attrs.frozen
class ActivityConfig:
    """The table `[plugin.activity]`."""

    upstream: bool = True
    """Deliver what is recorded here to the server."""
    anonymous: Literal["minimal", "full"] = "minimal"
    """What the server gets while there is no token, when it shows activity to every account:
    without metadata and device, or whole."""
    send_subject: bool = False
    """Tell the server whom a record is about, and the traits of `identify`; never without a token."""
    sinks: tuple[SinkSettings, ...] = attrs.field(default=())
    """Where else events go; the entries are described below, by `kind`."""

    @sinks.validator
    def _check_names(self, _: object, sinks: tuple[SinkSettings, ...]) -> None:
        counts = Counter([UPSTREAM, *(settings.name for settings in sinks)])
        if repeated := [name for name, count in counts.items() if count > 1]:
            raise ValueError(f"two sinks are called `{repeated[0]}`; give one a `name` of its own")


trunkline_plugin = PluginInfo(config=ActivityConfig)


async def upstream(events: Sequence[Event], ctx: Link) -> None:
    """Send the batch, and wait until the server has handled it.

    Raises:
        NotReady: something was not sent, for want of a link or of room.
        OutcomeUnknown: the link was lost meanwhile; the batch is tried again, under the same ids.
    """
    try:
        for event in events:
            await ctx.send(event)
        await ctx.barrier()
    except NotSent as exc:
        raise NotReady(str(exc)) from exc


@hookimpl
def trunkline_register_topics(topics: Topics) -> None:
    """Own `activity`."""
    topics.add(TOPIC, match={"type": ActivityUpdate.type})


@hookimpl
def trunkline_register_sinks(sinks: Sinks, config: ActivityConfig) -> None:
    """Deliver to the server, and to whatever the table names."""
    if config.upstream:
        asked = {"anonymous": config.anonymous == "full", "subject": config.send_subject}
        shares = [what for what, is_wanted in asked.items() if is_wanted]
        sinks.add(UPSTREAM, upstream, batch=UPSTREAM_BATCH, greets=True, shares=shares)
    for settings in config.sinks:
        settings.register(sinks)


@hookimpl
async def trunkline_run(ctx: PluginContext[ActivityConfig]) -> None:
    """Count what the server shows, for the line in `trunkline status`."""
    seen: Counter[str] = Counter()  # {event type: times}

    def count(event: Event) -> None:
        kind = event.get("activity.event_type")
        seen[kind if kind in KNOWN_TYPES else "other"] += 1

    def line() -> str:
        return ", ".join(f"{kind}: {number}" for kind, number in seen.items()) or "none seen yet"

    ctx.subscribe(TOPIC, count)
    ctx.started()
    await keep_noting(ctx, line)
