"""A webhook that is open towards a receiver of ours."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hook import Hook

from trunkline_plugins.sinks.webhook.posting import Poster
from trunkline_plugins.sinks.webhook.sink import WebhookSink

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_795_380_645.0


@asynccontextmanager
async def opened(
    hook: Hook, *, limit: float = 5.0, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[WebhookSink]:
    poster_options = {"ca_file": options.pop("ca_file", None)}
    async with hook.listen(tls) as url:
        poster = Poster(url, limit=limit, **poster_options)
        async with WebhookSink("hook", poster, walltime=lambda: NOW, **options) as sink:
            yield sink
