"""What the shell offers: topics and plugins by name, without asking or importing anybody."""

import click
from click.shell_completion import CompletionItem


def complete_topic(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the server's topics, the host's own and `*`."""
    from trunkline.config import EVERY_TOPIC, HOST_TOPIC
    from trunkline.connection.protocol import SERVER_TOPICS

    return [
        CompletionItem(name)
        for name in (*sorted(SERVER_TOPICS), HOST_TOPIC, EVERY_TOPIC)
        if name.startswith(incomplete)
    ]


def complete_plugin(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the plugins and distributions that are installed or that the file names."""
    from trunkline.cli.meaning import config_if_any
    from trunkline.errors import TrunklineError
    from trunkline.plugin.discover import find_installed
    from trunkline.plugin.survey import survey

    try:
        found = survey(config_if_any(ctx.params.get("file"))).found
    except (TrunklineError, OSError):  # a shell is no place for the mistakes of a file
        found = find_installed()
    names = sorted({name for each in found for name in each.names})
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
