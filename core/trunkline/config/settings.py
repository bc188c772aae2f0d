"""The settings of the core, as classes; every field says what it is for, with its unit."""

from pathlib import Path
from typing import Literal

import attrs

from trunkline.config.limits import (
    Bytes,
    Conditions,
    DottedPath,
    Interval,
    Limit,
    LoopbackDoor,
    Reference,
    Share,
    Topic,
    TopicOrEvery,
    Wait,
)
from trunkline.config.secret import Secret, TokenProvider
from trunkline.config.url import Endpoint

IN_MEMORY = ":memory:"


@attrs.frozen(kw_only=True)
class ConnectionSettings:
    """`[connection]`: where to connect, as whom, and how patient to be."""

    url: Endpoint
    """`ws://` or `wss://`, with the exact path of the endpoint."""
    token: Secret | TokenProvider | None = None
    """A JWT or API key; without one the connection is anonymous. A file is read again after a
    refusal."""
    topics: tuple[Topic, ...] = ()
    """Narrows what the server sends; none means everything the account may see."""
    connect_timeout: Limit = 10.0
    """Seconds for DNS, TCP, TLS and upgrade together."""
    heartbeat_interval: Interval = 20.0
    """Seconds between two pings, plus or minus a tenth."""
    max_message_bytes: Bytes = 4 * 1024 * 1024
    """The largest message that is accepted."""
    backoff_max: Wait = 30.0
    """The longest wait before an ordinary retry, in seconds."""
    allow_insecure_token: bool = False
    """Send the token over `ws://` to another machine all the same."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, in PEM form."""
    fast_lane: bool = True
    """Take whole text frames past the WebSocket library; off is for comparison."""

    @property
    def exposes_token(self) -> bool:
        """A token travels unencrypted to another machine: say so at every start."""
        return self.token is not None and not (self.url.secure or self.url.is_loopback)


@attrs.frozen(kw_only=True)
class HostSettings:
    """`[host]`: the process."""

    start_timeout: Limit = 30.0
    """Seconds that plugins may delay the first connect."""
    stop_timeout: Limit = 15.0
    """Seconds for an orderly stop."""
    data: Path | None = None
    """The data directory; by default `var` beside the file."""
    http: LoopbackDoor | None = None
    """A loopback address and port for `GET /status /metrics /live /ready`; port 0 is a free one."""


@attrs.frozen(kw_only=True)
class PluginsSettings:
    """`[plugins]`: which plugins run, and in what order."""

    enable: tuple[str, ...] | None = None
    """If given, the whole list of third-party plugins that may run."""
    disable: tuple[str, ...] = ()
    """Plugins or distributions that are not even imported."""
    require: tuple[str, ...] = ()
    """Plugins without which the host does not run."""
    paths: tuple[Path, ...] = ()
    """Files, packages or directories of plugins, relative to the file."""
    order: tuple[str, ...] = ()
    """Filters and classifiers by full name (`plugin.name`, `*` for the rest)."""


@attrs.frozen(kw_only=True)
class ActivitySettings:
    """`[activity]`: what is recorded, and where it waits."""

    enabled: bool = True
    """Record at all."""
    path: str = IN_MEMORY
    """The outbox: a file, from the config file's directory, or `:memory:`, which ends with the
    process."""
    consent: Reference | None = None
    """`module:function` that is asked for each subject whether it may be recorded."""
    before_send: Reference | None = None
    """`module:function` that may change or drop each record."""
    redact: tuple[str, ...] = ()
    """Further keys whose values are redacted, as globs."""
    allow: tuple[str, ...] = ()
    """Keys that are exempt from redaction, as globs."""


@attrs.frozen(kw_only=True)
class FilterSettings:
    """`[[filter]]`: a filter without code."""

    topic: TopicOrEvery
    """The topic it concerns; `*` is every topic."""
    action: Literal["drop", "redact", "sample"]
    """What happens to events that hold to `where`."""
    where: Conditions | None = None
    """The condition; none means every event of the topic."""
    keys: tuple[DottedPath, ...] = ()
    """For `redact`: dotted paths, through lists too."""
    keep: Share = 1.0
    """For `sample`: the share that is kept, from 0 to 1."""
