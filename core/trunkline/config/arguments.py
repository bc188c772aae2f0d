"""The settings of a connection from a caller's arguments: the same checks as for a file."""

from collections.abc import Collection
from typing import Any

import attrs

from trunkline.config.load import config_from_mapping
from trunkline.config.secret import Secret, TokenProvider
from trunkline.config.settings import ConnectionSettings
from trunkline.errors import ConfigError, Problem


def connection_settings(
    url: str,
    token: str | Secret | TokenProvider | None = None,
    topics: Collection[str] | None = None,
    **settings: Any,
) -> ConnectionSettings:
    """Return checked settings.

    Raises:
        ConfigError: an argument cannot be used; every problem at once.
    """
    allow = settings.pop("allow_insecure_token", False)
    table = {"url": url, "topics": list(topics or ()), **settings}
    connection = config_from_mapping({"connection": table}, environ={}).connection
    if isinstance(token, str):
        token = _checked(token)
    is_exposed = token is not None and not (connection.url.secure or connection.url.is_loopback)
    if is_exposed and not allow:
        cause = (
            "a token does not travel over ws:// to another machine;"
            " use wss://, or pass allow_insecure_token=True"
        )
        raise ConfigError([Problem("url", cause)])
    return attrs.evolve(connection, token=token, allow_insecure_token=allow)


def _checked(token: str) -> Secret:
    token = token.strip()
    if not token or not token.isprintable():
        raise ConfigError([Problem("token", "is empty, or holds control characters")])
    return Secret(token)
