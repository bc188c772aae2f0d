"""`trunkline completion`: how to turn on completion in a shell."""

import click

LINES = {
    "bash": 'eval "$(_TRUNKLINE_COMPLETE=bash_source trunkline)"   # into ~/.bashrc',
    "zsh": 'eval "$(_TRUNKLINE_COMPLETE=zsh_source trunkline)"   # into ~/.zshrc',
    "fish": "_TRUNKLINE_COMPLETE=fish_source trunkline | source   # into ~/.config/fish/completions/trunkline.fish",
}


@click.command()
@click.argument("shell", type=click.Choice([*LINES]))
def completion(shell: str) -> None:
    """Print the line that turns on completion in SHELL."""
    click.echo(LINES[shell])
