"""From a cattrs error to one problem a line: file, line, key, cause and the nearest known key."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import attrs
import cattrs

from trunkline.config.lines import Lines, Place
from trunkline.config.words import near, one_line
from trunkline.errors import Problem
from trunkline.strict import Expected

BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class Source:
    """What a configuration came from: a file's text, or code."""

    def __init__(self, file: Path | None = None, text: str = "") -> None:
        self.file = file
        self._text = text

    @cached_property
    def _lines(self) -> Lines:
        return Lines(self._text)  # made when there is something to complain of

    def problem(self, place: Place, cause: str) -> Problem:
        """Return the problem with its line."""
        key, cause = dotted(place), one_line(cause)
        if self.file is None:
            return Problem(key or "configuration", cause)
        line = self._lines.of(place)
        return Problem(f"{self.file.name}:{line} {key}".rstrip(), cause, line)


def dotted(place: Place) -> str:
    """Return a place as people write it: `filter[0].keep`."""
    text = ""
    for key in place:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            name = key if key and BARE.issuperset(key) else f'"{one_line(key, 64)}"'
            text += f".{name}" if text else name
    return text


def unknown_key(name: str, known: Iterable[str]) -> str:
    """Say that a key is not known, and which one is near."""
    known = tuple(known)
    hint = near(name, known)
    return f"unknown key{hint}" if hint else f"unknown key; known: {', '.join(known)}"


def leaves(exc: BaseException, place: Place) -> Iterator[tuple[Place, str]]:
    """Yield place and cause of each thing that is wrong; no text repeats a secret."""
    if isinstance(exc, cattrs.ClassValidationError | cattrs.IterableValidationError):
        noted, bare = exc.group_exceptions()
        for inner, note in noted:
            step = note.name if isinstance(note, cattrs.AttributeValidationNote) else note.index
            yield from leaves(inner, (*place, step))
        for inner in bare:
            yield from leaves(inner, place)
    elif isinstance(exc, cattrs.ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(exc.cl) if field.init]
        for name in sorted(exc.extra_fields):
            yield (*place, name), unknown_key(name, known)
    elif type(exc) is KeyError and exc.args == place[-1:]:
        yield place, "this key is required"
    else:
        yield place, _cause(exc)


def _cause(exc: BaseException) -> str:
    """Say what a check or a validator said; of other exceptions only the name, they show values."""
    if isinstance(exc, Expected):
        return str(exc)
    if isinstance(exc, ValueError | TypeError) and exc.args and isinstance(exc.args[0], str):
        return exc.args[0]  # attrs' validators put field and value behind their text
    return f"does not fit ({type(exc).__name__})"
