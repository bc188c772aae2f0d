"""Sink `webhook`: what stands in the configuration, and the sink that is made of it."""

from pathlib import Path
from typing import Any, Literal

import attrs

from trunkline.plugin_api import Secret, Sinks
from trunkline_plugins.sinks.secrets import revealed
from trunkline_plugins.sinks.webhook.address import check_address
from trunkline_plugins.sinks.webhook.posting import Poster
from trunkline_plugins.sinks.webhook.signature import key_of
from trunkline_plugins.sinks.webhook.sink import WebhookSink

BATCHES = {"events": 100, "chat": 1}  # {format: events at once}; no sentence is said twice


def _check_secret(settings: Any, _: object, secret: Secret | None) -> None:
    if secret is not None:
        key_of(secret.reveal())
    elif settings.format == "events":
        raise ValueError("a `secret` is missing: by the signature a receiver knows who sends")


@attrs.frozen(kw_only=True)
class WebhookSettings:
    """One entry of `[plugin.activity] sinks`: `{ kind = "webhook", url = "https://...", secret = { env = "NAME" } }`."""

    url: str | Secret = attrs.field(validator=check_address)
    """Where to: `https`, or `http` on this machine. That of a chat room is a secret itself."""
    format: Literal["events", "chat"] = "events"
    """`events`: a JSON array of whole events; `chat`: `{"text": ...}` for each."""
    secret: Secret | None = attrs.field(default=None, validator=_check_secret)
    """Signs each request: `whsec_` and 24 to 64 bytes in base64; only `chat` does without."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, in PEM form."""
    kind: Literal["webhook"] = "webhook"
    """Which sink this is."""
    name: str = "webhook"
    """What logs and `trunkline status` call it."""
    topics: tuple[str, ...] = ("activity",)
    """The topics whose events it gets; `*` is every topic."""

    def register(self, sinks: Sinks) -> None:
        """Deliver to it."""
        key = None if self.secret is None else key_of(self.secret.reveal())
        poster = Poster(revealed(self.url), self.ca_file)
        sink = WebhookSink(self.name, poster, key=key, is_chat=self.format == "chat")
        sinks.add(self.name, sink, topics=self.topics, batch=BATCHES[self.format])
