"""`trunkline dlq`: the dead letters of an outbox, read and answered by a person."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from trunkline.cli.options import DEFAULT_FILE, json_option
from trunkline.cli.tables import print_table
from trunkline.errors import UserError

if TYPE_CHECKING:
    from trunkline.activity.outbox.dead import DeadLetter
    from trunkline.activity.outbox.letterbox import Letterbox

F = TypeVar("F", bound=Callable[..., Any])

file_option = click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_FILE,
    help="The configuration whose outbox it is (default: trunkline.toml).",
)
sink_option = click.option("--sink", metavar="NAME", help="Only those of this sink, plugin.sink.")
reason_option = click.option(
    "--reason", metavar="TEXT", help="Only those whose reason holds this text, in any case."
)
all_option = click.option("--all", "everything", is_flag=True, help="All of them; asks first.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
numbers_argument = click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER]...")


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
        [letter] = _chosen(box, (number,), None, None, everything=False)
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
@numbers_argument
@sink_option
@reason_option
@all_option
@yes_option
@json_option
def replay(
    file: Path,
    *,
    numbers: Sequence[int],
    sink: str | None,
    reason: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Give dead letters back to their sinks, under the same ids.

    Name them by NUMBER, by --sink or --reason, or take --all. A host that runs delivers them at
    once, else the next one does.
    """
    with _open(file) as box:
        letters = _chosen(box, numbers, sink, reason, everything=everything)
        if everything and not yes:
            _ask(f"Replay {len(letters)} dead letters?")
        count = box.replay(letters)
    _done("replayed", count, as_json=as_json)


@dlq.command()
@file_option
@numbers_argument
@sink_option
@reason_option
@all_option
@yes_option
@json_option
def purge(
    file: Path,
    *,
    numbers: Sequence[int],
    sink: str | None,
    reason: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Delete dead letters for good; asks first.

    Name them by NUMBER, by --sink or --reason, or take --all.
    """
    with _open(file) as box:
        letters = _chosen(box, numbers, sink, reason, everything=everything)
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


def _chosen(
    box: "Letterbox",
    numbers: Sequence[int],
    sink: str | None,
    reason: str | None,
    *,
    everything: bool,
) -> "list[DeadLetter]":
    """Return what the command line names.

    Raises:
        click.UsageError: it names nothing, or more than one way.
        UserError: there is no such dead letter.
    """
    is_filtered = sink is not None or reason is not None
    if [bool(numbers), is_filtered, everything].count(True) != 1:
        raise click.UsageError("name dead letters by NUMBER, by --sink or --reason, or say --all")
    found = box.letters(sink=sink, reason=reason)
    if not numbers:
        return found
    by_number = {letter.number: letter for letter in found}
    if missing := [number for number in numbers if number not in by_number]:
        raise UserError(f"there is no dead letter {missing[0]}; see `trunkline dlq list`")
    return [by_number[number] for number in dict.fromkeys(numbers)]


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
