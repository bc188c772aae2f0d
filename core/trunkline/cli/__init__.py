"""The command line: a group that imports a command only when it is called.

`trunkline --version` and `-h` import neither Trio nor a plugin, so that they answer at once.
"""

import importlib
import sys
import threading
from collections.abc import Sequence
from typing import Any

import click

# {word: (module, one line for `-h`)}; the object in the module has the word's name
COMMANDS = {
    "run": "Run the host: connection, router, plugins, sinks.",
    "check": "Check a configuration: every error at once; opens no socket.",
    "plugins": "List every plugin, and why one does not run.",
    "routes": "Print the route table, or what one message would meet.",
    "tail": "Print events and gaps of a topic as they come.",
    "send": "Send one message and print the server's reply.",
    "record": "Record what the server sends, with its times.",
    "replay": "Show what a configuration makes of recorded traffic.",
    "status": "Show what a running host is doing.",
    "dlq": "List, show, replay, purge what a sink would not take.",
    "demo": "Watch a host at work against the bundled simulator.",
    "simulate": "Run the simulator alone, on loopback.",
    "new": "Write a plugin package to start from.",
    "schema": "Print JSON Schema of a configuration, for editors.",
    "completion": "Print the line that turns on completion in a shell.",
}
UNTIL_STOPPED = {"run", "tail", "record", "demo", "simulate"}  # promise nothing but to go on
OK, FAILED, USAGE, PLUGIN_MISSING, BAD_CONFIG = 0, 1, 2, 3, 78


class ReaderGone(Exception):
    """Nobody reads our output any more."""


class LazyGroup(click.Group):
    """Knows its commands by name; a module is imported when its command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the words in the order in which people need them, then those of plugins."""
        return [*COMMANDS, *_offers()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; ours go first.

        Raises:
            UserError: it was interrupted, so nothing is done that somebody may wait for.
        """
        from trunkline.promise import promised

        if cmd_name in UNTIL_STOPPED:
            return self._imported(ctx, cmd_name)
        with promised(lambda: "nothing has begun"):
            return self._imported(ctx, cmd_name)

    def _imported(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            command: click.Command | None = _offers().load(cmd_name, ctx)
            return command
        module = importlib.import_module(f"trunkline.cli.{cmd_name}")
        ours: click.Command = getattr(module, cmd_name)
        return ours

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; click itself would make a reader that went away a failure."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as exc:
            raise ReaderGone from exc

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Offer words and options; click itself would import every command for that."""
        from click.shell_completion import CompletionItem

        texts = {**COMMANDS, **dict(_offers().described())}
        words = [CompletionItem(w, help=t) for w, t in texts.items() if w.startswith(incomplete)]
        return [*words, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the texts here, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])
        if offered := [*_offers().described()]:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(offered)


def _offers() -> Any:
    """Look at what is installed; a word of ours does not need that."""
    from trunkline.cli.door import Offers

    return Offers(COMMANDS)


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"trunkline {version('trunkline')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def trunkline() -> None:
    """One connection to an event server, routed to plugins."""
    import logging

    # a command that sets no handlers reports by itself; without one Python prints bare event names
    logging.getLogger("trunkline").addHandler(logging.NullHandler())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the one place where errors become exit codes."""
    code = FAILED
    try:
        code = _run(arguments)
    finally:
        if threading.active_count() > 1:
            from trunkline.cli.last_resort import leave_threads_behind

            leave_threads_behind(code)
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    from trunkline.cli import leaving
    from trunkline.cli.signals import ending_alike

    try:
        with ending_alike():
            outcome: Any = trunkline.main(arguments, prog_name="trunkline", standalone_mode=False)
    except BaseException as exc:  # noqa: BLE001 - sorted out there; what is a bug is raised again
        return leaving.exit_code(exc)
    return leaving.flushed(outcome if isinstance(outcome, int) else OK)
