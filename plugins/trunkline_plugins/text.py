"""Foreign text and times, made fit for one cell of a table or one line of a terminal."""

from collections.abc import Sequence
from datetime import timedelta


def printable(text: str, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters, with nothing a terminal obeys.

    Control characters, escape sequences and marks that turn the writing direction come out as
    backslash escapes.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def span(duration: timedelta) -> str:
    """Return a length of time in its two largest units: `42 s`, `3 min 20 s`, `5 h 7 min`."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under their headings, each column as wide as it needs."""
    lines = [[column.upper() for column in columns], *rows]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
