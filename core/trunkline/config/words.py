"""How problems put things: wrong values, choices, near matches; always fit for one line."""

import difflib
from collections.abc import Iterable, Mapping

SHOWN = 40  # characters of a wrong value
LONGEST_CAUSE = 300  # characters; a text from elsewhere may be longer
LARGEST_SHOWN = 10**15  # beyond it the digits help nobody, and may be more than Python writes


def shown(value: object) -> str:
    """Return a wrong value as people wrote it; of a list or a table only that it is one."""
    if isinstance(value, str):
        return '"' + one_line(value, SHOWN) + '"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > LARGEST_SHOWN:
        return "a much larger number" if value > 0 else "a much smaller number"
    if isinstance(value, int | float):
        return str(value)
    return sort_of(value)


def sort_of(value: object) -> str:
    """Return what sort of value it is, in TOML's words and without the value."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Mapping):
        return "a table"
    names = {str: "a string", int: "a number", float: "a number", list: "a list", tuple: "a list"}
    return names.get(type(value), f"a {type(value).__name__}")


def one_line(text: str, most: int = LONGEST_CAUSE) -> str:
    """Escape what does not print, and cut."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return text if len(text) <= most else text[:most] + "..."


def choice_of(choices: Iterable[object], given: object) -> str:
    """Say what there is to choose from, and what is near."""
    names = [str(choice) for choice in choices]
    return f"one of {', '.join(names)}{near(given, names)}"


def near(given: object, known: Iterable[str]) -> str:
    """Return ` (did you mean ...?)` where something is near."""
    matches = difflib.get_close_matches(given, sorted(known), 1) if isinstance(given, str) else []
    return f" (did you mean `{matches[0]}`?)" if matches else ""
