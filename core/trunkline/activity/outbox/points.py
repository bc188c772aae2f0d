"""Named points between two steps of the store and the delivery, where a test can end the process."""

from collections.abc import Callable

#: Called with the point's name; in production with no effect.
At = Callable[[str], None]


def nowhere(_: str) -> None:
    """Do nothing at any point."""
