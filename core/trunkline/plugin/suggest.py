"""The near match for a misspelt name; every message about an unknown one ends with it."""

from collections.abc import Iterable
from difflib import get_close_matches

CLOSE_ENOUGH = 0.6  # of 1.0; below it a suggestion is noise


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?` with up to two of the known names, or nothing."""
    matches = get_close_matches(word, sorted(set(known)), n=2, cutoff=CLOSE_ENOUGH)
    return f"; did you mean {' or '.join(f'`{match}`' for match in matches)}?" if matches else ""
