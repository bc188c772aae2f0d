"""What the shell offers: topics by name, without asking anybody."""

import click
from click.shell_completion import CompletionItem


def complete_topic(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the server's topics, the host's own and `*`."""
    from trunkline.connection.protocol import SERVER_TOPICS

    return [
        CompletionItem(name)
        for name in (*sorted(SERVER_TOPICS), "system", "*")
        if name.startswith(incomplete)
    ]
