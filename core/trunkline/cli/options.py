"""Options that several commands share, and what they mean."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
import orjson

from trunkline.cli.completing import complete_plugin
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

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_FILE = Path("trunkline.toml")

config_argument = click.argument(
    "file", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT_FILE
)
#: Where to connect: {names of the option: its arguments}.
_CONNECTING: Mapping[tuple[str, ...], Mapping[str, Any]] = {
    ("--config", "file"): {
        "type": click.Path(path_type=Path, dir_okay=False),
        "help": "Take the connection from this file (default: trunkline.toml, where there is one).",
    },
    ("--url",): {"help": "The server, ws:// or wss://; instead of a file."},
    ("--token-env",): {
        "metavar": "NAME",
        "help": "Take the token from this environment variable; it never stands on a command line.",
    },
}
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
level_option = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much to log, to stderr.",
)


watch_option = click.option(
    "--watch",
    is_flag=True,
    help="Start it again when the configuration or a plugin changes; for development.",
)


def switches(*, safe: bool, disable: Sequence[str]) -> list[str]:
    """Return `--safe` and `--disable` as words for another command."""
    named = [word for name in disable for word in ("--disable", name)]
    return ["--safe", *named] if safe else named


def disable_option(function: F) -> F:
    """Add `--safe` and `--disable`."""
    function = click.option(
        "--disable",
        multiple=True,
        metavar="NAME",
        shell_complete=complete_plugin,
        help="Do not even import this plugin.",
    )(function)
    return click.option("--safe", is_flag=True, help="Run the built-in plugins only.")(function)


def config_if_any(file: Path | None) -> Config:
    """Return the configuration of `file`; without one, or a `trunkline.toml`, an empty one.

    Raises:
        ConfigError: the file cannot be used.
    """
    if file in {None, DEFAULT_FILE} and not DEFAULT_FILE.exists():
        return config_from_mapping({"connection": {"url": "ws://127.0.0.1/"}}, environ={})
    return load_config(file or DEFAULT_FILE)


def connecting(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command be told where to connect; it gets that as `settings`."""

    @wraps(command)
    def connected(
        *, file: Path | None, url: str | None, token_env: str | None, **others: Any
    ) -> None:
        command(settings=connection_of(file, url, token_env), **others)

    for names, arguments in reversed([*_CONNECTING.items()]):
        connected = click.option(*names, **arguments)(connected)
    return connected


def connecting_options(keep: Callable[..., Any]) -> list[click.Option]:
    """Return the options that say where to connect; their values go to `keep` alone."""
    return [
        click.Option(names, expose_value=False, callback=keep, **arguments)
        for names, arguments in _CONNECTING.items()
    ]


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
