"""The settings of a connection from a caller's arguments: the same checks as for a file."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from trunkline.config.problems import Source
from trunkline.config.reader import Reader
from trunkline.config.secret import Secret, TokenProvider
from trunkline.config.settings import ConnectionSettings


def connection_settings(
    url: str,
    token: str | Secret | TokenProvider | None = None,
    topics: Collection[str] | None = None,
    **settings: Any,  # the further fields of ConnectionSettings, each checked
) -> ConnectionSettings:
    """Return checked settings; relative paths start where the process stands.

    Raises:
        ConfigError: an argument cannot be used; every problem at once.
    """
    table = {
        "url": url,
        "token": Secret(token) if isinstance(token, str) else token,
        # a string would fall apart into topics of one letter
        "topics": topics if isinstance(topics, str) else list(topics or ()),
        **settings,
    }
    return Reader(Source(), Path(), {}).structured(table, ConnectionSettings, ())
