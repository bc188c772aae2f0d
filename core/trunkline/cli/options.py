"""Options that several commands share; what they mean is in `meaning.py`."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from trunkline.cli.completing import complete_plugin
from trunkline.cli.meaning import DEFAULT_FILE, connection_of

F = TypeVar("F", bound=Callable[..., Any])

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
