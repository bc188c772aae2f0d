"""What a plugin's command finds as click's `obj`: the way to the server, by the options given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import click

from trunkline.cli import logs
from trunkline.cli.meaning import config_of
from trunkline.cli.options import connecting_options
from trunkline.plugin_api import PluginContext

if TYPE_CHECKING:
    from pathlib import Path


class Opening:
    """Opens a connection for one command; the options set its fields before."""

    def __init__(self, word: str, plugin: str | None) -> None:
        """Stand for the command `word` of `plugin`."""
        self.word = word
        self.plugin = plugin
        self.file: Path | None = None
        self.url: str | None = None
        self.token_env: str | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[PluginContext[Any]]:
        """Lend a plugin's `ctx` over a connection of its own; entering waits for nothing.

        Raises:
            ConfigError: the configuration cannot be used.
            UserError: the plugin is disabled, or does not load.
        """
        from trunkline.host.command import open_command

        logs.set_up("error")
        config = config_of(self.file, self.url, self.token_env)
        async with open_command(config, self.word, self.plugin) as ctx:
            yield ctx


def add_options(command: click.Command) -> None:
    """Let a command, and every one below it, be told where to connect; its own options go first."""
    known = {name for parameter in command.params for name in parameter.opts}
    for option in connecting_options(_keep):
        if known.isdisjoint(option.opts):
            command.params.append(option)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_options(each)


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Take an option's value; one that is not given leaves what stands further left."""
    if value is not None and option.name is not None and isinstance(ctx.obj, Opening):
        setattr(ctx.obj, option.name, value)
