"""What the options of commands mean: a configuration, a connection, conditions."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import click
import orjson

from trunkline.config import (
    Config,
    ConnectionSettings,
    Secret,
    config_from_mapping,
    connection_settings,
    load_config,
    parse_url,
)
from trunkline.errors import ConfigError
from trunkline.where import WhereError, compile_where

DEFAULT_FILE = Path("trunkline.toml")


def config_if_any(file: Path | None) -> Config:
    """Return the configuration of `file`; without one, or a `trunkline.toml`, an empty one.

    Raises:
        ConfigError: the file cannot be used.
    """
    if file in {None, DEFAULT_FILE} and not DEFAULT_FILE.exists():
        return config_from_mapping({"connection": {"url": "ws://127.0.0.1/"}}, environ={})
    return load_config(file or DEFAULT_FILE)


def config_of(file: Path | None, url: str | None, token_env: str | None) -> Config:
    """Return the file's configuration, connected as `--url` and `--token-env` say.

    Raises:
        click.UsageError: there is neither a file nor a URL, or the URL cannot be used.
        ConfigError: the file cannot be used.
    """
    connection = connection_of(file, url, token_env)
    if url is None or file is not None:
        config = load_config(file or DEFAULT_FILE)
    else:
        config = config_from_mapping({"connection": {"url": url}})
    return attrs.evolve(config, connection=connection)


def connection_of(file: Path | None, url: str | None, token_env: str | None) -> ConnectionSettings:
    """Return where to connect: `--url` with `--token-env`, else the file.

    Raises:
        click.UsageError: neither is given, or the URL cannot be used.
        ConfigError: the file cannot be used.
    """
    if url is None:
        if token_env is not None:
            raise click.UsageError("--token-env goes with --url")
        if file is None and not DEFAULT_FILE.exists():
            raise click.UsageError("say where to connect: --url URL, or --config FILE")
        return load_config(file or DEFAULT_FILE).connection
    token = None
    if token_env is not None:
        token = os.environ.get(token_env)
        if not token:
            raise click.UsageError(f"the environment variable {token_env} is not set, or empty")
    try:
        parse_url(url)
        return connection_settings(url, token)
    except (ValueError, ConfigError) as exc:
        raise click.UsageError(f"--url: {exc}") from None


def opening(settings: ConnectionSettings) -> dict[str, Any]:
    """Return settings as the arguments of `open_connection`."""
    given = {
        field.name: getattr(settings, field.name)
        for field in attrs.fields(ConnectionSettings)
        if field.name not in {"url", "ca_file"}
    }
    endpoint = settings.url
    scheme = "wss" if endpoint.secure else "ws"
    token = settings.token
    if settings.ca_file is not None:
        given["ca_file"] = str(settings.ca_file)
    return {
        **given,
        "url": f"{scheme}://{endpoint.host_header}{endpoint.target}",
        "token": token.reveal() if isinstance(token, Secret) else token,
    }


def where_of(conditions: tuple[str, ...]) -> Mapping[str, Any] | None:
    """Return `--where path=value` as a mapping; what reads as JSON counts as that or as text.

    Raises:
        click.UsageError: a condition cannot be used.
    """
    where: dict[str, Any] = {}
    for condition in conditions:
        path, sign, text = condition.partition("=")
        if not sign or not path:
            raise click.UsageError(f"--where {condition}: write path=value, such as execution_id=1")
        if path in where:
            raise click.UsageError(
                f'--where {path} is given twice; for one of several: --where \'{path}=["a", "b"]\''
            )
        where[path] = _meant(text)
    try:
        compile_where(where)
    except WhereError as exc:
        raise click.UsageError(f"--where {exc}") from None
    return where or None


def _meant(text: str) -> Any:
    """Return what a value on the command line may mean: ids made of digits are text, too."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return (
        [value, text] if isinstance(value, int | float) and not isinstance(value, bool) else value
    )
