"""Text of others, made fit for one line of a log or a terminal (reliability S11, T20)."""

SHOWN = 200  # characters
PEER_SHOWN = 123  # characters of what a peer says; as many as a close reason has bytes


def escaped(value: object, limit: int = SHOWN) -> str:
    """Return `value` as text of one line, escape sequences shown and not obeyed, cut to `limit`."""
    text = "".join(_shown(char) for char in str(value)[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def peer_text(value: object) -> str:
    """Return a peer's words fit for an error, a log or a status (connection.md OP3)."""
    return escaped(value, PEER_SHOWN)


def _shown(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
