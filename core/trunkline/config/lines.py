"""On which line of a TOML text a key stands; only asked when there is something to complain of.

`tomllib` itself finds out: prefixes of whole lines are parsed, and a key's statement begins after
the last prefix that parses without it. Keys only ever join, so the place is found by halving.
"""

import tomllib
from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from typing import Any

Key = str | int
Place = tuple[Key, ...]


class Lines:
    """The lines of a text that is valid TOML as a whole."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._parsed: dict[int, Mapping[str, Any] | None] = {}  # {lines taken: what they say}

    def of(self, place: Place) -> int:
        """Return the line (1 for the first) of the deepest part of `place` that the text has."""
        count = len(self._lines)
        while place and not _has(self._prefix(count), place):
            place = place[:-1]
        if not place:
            return 1
        return 1 + bisect_left(range(1, count), True, key=lambda taken: self._reaches(taken, place))

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.split("\n")  # not splitlines(): TOML knows fewer line ends than Python

    def _reaches(self, taken: int, place: Place) -> bool:
        """Tell whether the first prefix of at least `taken` lines that parses has the place."""
        while taken < len(self._lines) and self._prefix(taken) is None:
            taken += 1  # the prefix ends within a statement
        return _has(self._prefix(taken), place)

    def _prefix(self, taken: int) -> Mapping[str, Any] | None:
        if taken not in self._parsed:
            try:
                self._parsed[taken] = tomllib.loads("\n".join(self._lines[:taken]) + "\n")
            except (ValueError, RecursionError):
                self._parsed[taken] = None
        return self._parsed[taken]


def _has(data: Any, place: Place) -> bool:
    for key in place:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True
