"""A value that is never shown, and the types whose meaning a checker must know."""

import hmac
from collections.abc import Awaitable
from typing import Annotated, Any, Protocol

import attrs

MASK = "***"


class Secret:
    """A string that shows as `***` wherever it is printed, formatted, copied or pickled.

    Compared in constant time. `reveal` is the only way to the value.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, _: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(Secret)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Secret, (MASK,))


class TokenProvider(Protocol):
    """Fetches a token; `fresh` means that a cached one has just been refused."""

    def __call__(self, *, fresh: bool) -> Awaitable[str]:
        """Return the token."""


@attrs.frozen
class Range:
    """What a number must be, and how to say so."""

    phrase: str
    least: float = 0.0
    most: float = 1e9

    def __str__(self) -> str:
        return f"{self.phrase} from {self.least:g} to {self.most:g}"


#: A duration in seconds, not negative.
Seconds = Annotated[float, Range("number of seconds")]
