"""On which line of a TOML text a key stands; only asked when there is something to complain of.

`tomllib` itself finds out: growing prefixes are parsed, and a key's statement begins after the
last prefix that parsed without it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from trunkline.config.fields import Place


def line_of(text: str, place: Place) -> int:
    """Return the line (1 for the first) of the deepest part of `place` that the text has."""
    while place and not _has(tomllib.loads(text), place):
        place = place[:-1]
    return _first_line_with(text, place) if place else 1


def _first_line_with(text: str, place: Place) -> int:
    lines = text.splitlines(keepends=True)
    start = 0
    for count in range(1, len(lines) + 1):
        try:
            data = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue  # within a statement
        if _has(data, place):
            return _skip_remarks(lines, start) + 1
        start = count
    return 1


def _skip_remarks(lines: Sequence[str], start: int) -> int:
    while start < len(lines) - 1 and lines[start].strip()[:1] in {"", "#"}:
        start += 1
    return start


def _has(data: Any, place: Place) -> bool:
    for key in place:
        items: Any = dict(enumerate(data)) if isinstance(data, list) else data
        if not isinstance(items, Mapping) or key not in items:
            return False
        data = items[key]
    return True
