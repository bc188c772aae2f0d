"""From a cattrs error to one problem a line: file, line, key, cause and the nearest known key."""

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import cattrs

from trunkline.config.fields import Place
from trunkline.config.lines import line_of
from trunkline.errors import Problem
from trunkline.strict import cause_of


@attrs.frozen
class Source:
    """The text a configuration came from; none where it was made by code."""

    file: Path | None
    text: str | None

    def problem(self, place: Place, cause: str) -> Problem:
        """Return the problem with its line."""
        key = dotted(place)
        if self.file is None or self.text is None:
            return Problem(key or "configuration", cause)
        return Problem(f"{self.file.name}:{line_of(self.text, place)} {key}".rstrip(), cause)


def dotted(place: Place) -> str:
    """Return a place as people write it: `filter[0].keep`."""
    text = ""
    for key in place:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def near(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` where something is near."""
    found = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean `{found[0]}`?" if found else ""


def unknown_key(name: str, known: Iterable[str]) -> str:
    """Say that a key is not known, and which one is near."""
    known = tuple(known)
    return f"unknown key{near(name, known) or '; known: ' + ', '.join(known)}"


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
        known = [field.name for field in attrs.fields(exc.cl)]
        for name in sorted(exc.extra_fields):
            yield (*place, name), unknown_key(name, known)
    elif isinstance(exc, KeyError):
        yield place, "this key is required"
    else:
        yield place, cause_of(exc)
