"""How a command line names dead letters: by number, by sink or reason, or all of them."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import attrs
import click

from trunkline.errors import UserError

if TYPE_CHECKING:
    from trunkline.activity.outbox.dead import DeadLetter
    from trunkline.activity.outbox.letterbox import Letterbox

sink_option = click.option("--sink", metavar="NAME", help="Only those of this sink, plugin.sink.")
reason_option = click.option(
    "--reason", metavar="TEXT", help="Only those whose reason holds this text, in any case."
)
_OPTIONS = (
    click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER]..."),
    sink_option,
    reason_option,
    click.option("--all", "everything", is_flag=True, help="All of them; asks first."),
)


@attrs.frozen(kw_only=True)
class Choice:
    """What was named."""

    numbers: Sequence[int] = ()
    sink: str | None = None
    reason: str | None = None
    everything: bool = False

    def among(self, box: "Letterbox") -> "list[DeadLetter]":
        """Return the dead letters that were named.

        Raises:
            click.UsageError: nothing was named, or in more than one way.
            UserError: there is no such dead letter.
        """
        is_filtered = self.sink is not None or self.reason is not None
        if [bool(self.numbers), is_filtered, self.everything].count(True) != 1:
            raise click.UsageError(
                "name dead letters by NUMBER, by --sink or --reason, or say --all"
            )
        found = box.letters(sink=self.sink, reason=self.reason)
        if not self.numbers:
            return found
        by_number = {letter.number: letter for letter in found}
        if missing := [number for number in self.numbers if number not in by_number]:
            raise UserError(f"there is no dead letter {missing[0]}; see `trunkline dlq list`")
        return [by_number[number] for number in dict.fromkeys(self.numbers)]


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command name dead letters; it gets them as `choice`."""

    @wraps(command)
    def chosen(
        *,
        numbers: Sequence[int],
        sink: str | None,
        reason: str | None,
        everything: bool,
        **others: Any,
    ) -> None:
        choice = Choice(numbers=numbers, sink=sink, reason=reason, everything=everything)
        command(choice=choice, **others)

    for option in reversed(_OPTIONS):
        chosen = option(chosen)
    return chosen
