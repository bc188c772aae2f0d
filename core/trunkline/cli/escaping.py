"""Text of others, made fit for one line of a terminal or a log (reliability S11)."""

import unicodedata

SHOWN = 200  # characters
_DANGEROUS = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, bidirectional marks, line ends


def escaped(value: object, limit: int = SHOWN) -> str:
    """Return `value` as text of one line, escape sequences shown and not obeyed, cut to `limit`."""
    text = "".join(_shown(char) for char in str(value)[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _shown(char: str) -> str:
    if unicodedata.category(char) not in _DANGEROUS:
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii", "backslashreplace")
