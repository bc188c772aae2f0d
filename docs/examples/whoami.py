"""A command of a plugin: prints who the server takes us for."""

import click
import trio

from trunkline.plugin_api import Opener, UserError


@click.command()
@click.pass_obj
def whoami(opener: Opener) -> None:
    """Print who the token stands for."""
    trio.run(_whoami, opener)


async def _whoami(opener: Opener) -> None:
    async with opener.open() as ctx:
        answer = await ctx.request("GET", "/api/v1/auth/users/me")
    if answer.status != 200:
        raise UserError(f"the server answered {answer.status}: {answer.data}")
    click.echo(answer.data["username"])
