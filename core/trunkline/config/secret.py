"""A value that is never shown, and what fetches one anew for each attempt."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

MASK = "***"


class Secret:
    """A string that shows as `***` wherever it is printed, formatted, serialized or pickled.

    Compared in constant time. `reveal` is the only way to the value; a copy is the same object,
    so that copied settings still work.
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
        # surrogatepass: an error about what cannot be encoded would hold the value
        ours, theirs = (
            each.encode("utf-8", "surrogatepass") for each in (self._value, other._value)
        )
        return hmac.compare_digest(ours, theirs)

    def __hash__(self) -> int:
        return hash(Secret)  # the same for all: a hash of the value would be a hint

    def __copy__(self) -> "Secret":
        return self

    def __deepcopy__(self, _: object) -> "Secret":
        return self

    def __getstate__(self) -> str:
        return MASK

    def __reduce__(self) -> tuple[Any, ...]:
        return (Secret, (MASK,))


class FileSecret(Secret):
    """A secret from a file, which can be read again: others may write a new one there."""

    __slots__ = ("_read",)

    def __init__(self, value: str, read: Callable[[], str]) -> None:
        super().__init__(value)
        self._read = read

    def read_again(self) -> "FileSecret":
        """Return what the file holds now; blocks as long as the file system does.

        Raises:
            Expected: it holds no secret; the text says what is wrong.
        """
        return FileSecret(self._read(), self._read)


class TokenProvider(Protocol):
    """Fetches a token; `fresh` means that a cached one has just been refused."""

    def __call__(self, *, fresh: bool) -> Awaitable[str]:
        """Return the token."""
