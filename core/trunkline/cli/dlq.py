"""`trunkline dlq`: the dead letters of an outbox, read and answered by a person."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from trunkline.cli.choosing import Choice, choosing, reason_option, sink_option
from trunkline.cli.meaning import DEFAULT_FILE
from trunkline.cli.options import json_option
from trunkline.cli.tables import print_table
from trunkline.errors import UserError

if TYPE_CHECKING:
    from trunkline.activity.outbox.dead import DeadLetter

file_option = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_FILE,
    help="The configuration whose outbox it is (default: trunkline.toml).",
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def dlq() -> None:
    """Look at dead letters, and give them back or delete them.

    A dead letter is an event that one sink will never take. It works on the file of the outbox,
    also while the host runs.
    """


@dlq.command("list")
@file_option
@sink_option
@reason_option
@json_option
def list_(file: Path, *, sink: str | None, reason: str | None, as_json: bool) -> None:
    """List dead letters, the oldest first; with --json one line each, the event included."""
    with _open(file) as box:
        letters = box.letters(sink=sink, reason=reason)
    if as_json:
        for letter in letters:
            click.echo(orjson.dumps(_plain(letter)))
        return
    if not letters:
        click.echo("no dead letters")
        return
    print_table(
        ("number", "sink", "topic", "type", "died", "tries", "reason"),
        [
            [
                letter.number,
                letter.sink,
                letter.event.topic,
                letter.event.type,
                _moment(letter),
                letter.attempts,
                _reason(letter),
            ]
            for letter in letters
        ],
    )


@dlq.command()
@file_option
@click.argument("number", type=int)
@json_option
def show(file: Path, *, number: int, as_json: bool) -> None:
    """Show one dead letter with its event."""
    with _open(file) as box:
        [letter] = Choice(numbers=[number]).among(box)
    if as_json:
        click.echo(orjson.dumps(_plain(letter), option=orjson.OPT_INDENT_2))
        return
    about = {"number": number, "sink": letter.sink, "reason": _reason(letter)}
    about |= {"tries": letter.attempts, "died": _moment(letter)}
    print_table(("field", "value"), list(about.items()))
    click.echo()
    event = orjson.loads(letter.event.to_json())
    text = orjson.dumps(event, option=orjson.OPT_INDENT_2).decode()
    click.echo(text.encode("ascii", "backslashreplace").decode())


@dlq.command()
@file_option
@choosing
@yes_option
@json_option
def replay(file: Path, *, choice: Choice, yes: bool, as_json: bool) -> None:
    """Give dead letters back to their sinks, under the same ids.

    Name them by NUMBER, by --sink or --reason, or take --all. A host that runs delivers them at
    once, else the next one does.
    """
    with _open(file) as box:
        letters = choice.among(box)
        if choice.everything and not yes:
            _ask(f"Replay {len(letters)} dead letters?")
        count = box.replay(letters)
    _done("replayed", count, as_json=as_json)


@dlq.command()
@file_option
@choosing
@yes_option
@json_option
def purge(file: Path, *, choice: Choice, yes: bool, as_json: bool) -> None:
    """Delete dead letters for good; asks first.

    Name them by NUMBER, by --sink or --reason, or take --all.
    """
    with _open(file) as box:
        letters = choice.among(box)
        if letters and not yes:
            _ask(f"Delete {len(letters)} dead letters for good?")
        count = box.purge(letters)
    _done("purged", count, as_json=as_json)


def _open(file: Path) -> Any:
    from trunkline.activity.outbox.letterbox import open_letterbox
    from trunkline.config import IN_MEMORY, load_config

    path = load_config(file).activity.path
    if path == IN_MEMORY:
        raise UserError(
            f"{file}: the outbox is kept in memory, and its dead letters end with the host;"
            " set `[activity] path` to keep them"
        )
    return open_letterbox(Path(path))


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: add --yes")
    click.confirm(question, abort=True, err=True)


def _done(what: str, count: int, *, as_json: bool) -> None:
    click.echo(orjson.dumps({what: count}) if as_json else f"{what} {count}")


def _moment(letter: "DeadLetter") -> str:
    return datetime.fromtimestamp(letter.died, UTC).isoformat(sep=" ", timespec="seconds")


def _reason(letter: "DeadLetter") -> str:
    return f"{letter.reason} (damaged: purge it)" if letter.is_damaged else letter.reason


def _plain(letter: "DeadLetter") -> dict[str, Any]:
    return {
        "number": letter.number,
        "sink": letter.sink,
        "reason": _reason(letter),
        "attempts": letter.attempts,
        "died": datetime.fromtimestamp(letter.died, UTC).isoformat(),
        "event": orjson.loads(letter.event.to_json()),
    }
