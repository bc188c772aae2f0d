"""Which reply belongs to which message: the server echoes no ids, but answers in order (§3).

A reply that does not fit the head of the queue proves that what stands before the one it fits
will never be answered. One that fits nothing is nobody's.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from trunkline.text import peer_text

T = TypeVar("T")


@attrs.frozen
class Expected:
    """What the answer to a message looks like."""

    types: frozenset[str]
    echo_key: str | None = None
    """The field that the server repeats, where it does."""
    echo: Any = None

    def fits(self, reply: Mapping[str, Any]) -> bool:
        """Tell whether `reply` can be the answer."""
        if reply["type"] not in self.types:
            return False
        return self.echo_key is None or reply.get(self.echo_key) == self.echo


_PONG = Expected(frozenset({"pong"}))
_AUTHENTICATION = Expected(frozenset({"authenticated", "auth_error"}))
_SUBSCRIPTION = frozenset({"subscription_ack", "subscription_error"})
_COMMAND = frozenset({"command_ack", "command_error"})


def expected_reply(message: Mapping[str, Any]) -> Expected | None:
    """Return what answers `message`; None where the server stays silent."""
    match message["type"]:
        case "ping":
            return _PONG
        case "authenticate":
            return _AUTHENTICATION
        case "subscribe" | "unsubscribe":
            return Expected(_SUBSCRIPTION, "topic", message.get("topic"))
        case "command":
            return Expected(_COMMAND, "execution_id", message.get("execution_id"))
        case _:
            return None


def refusal(reply: Mapping[str, Any]) -> str | None:
    """Return the reason, fit to be shown, where `reply` says no, else None."""
    return peer_text(reply.get("error")) if str(reply["type"]).endswith("_error") else None


class ReplyQueue(Generic[T]):
    """The messages of one socket that wait for their answer, in the order they were sent."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Expected, T]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def expect(self, expected: Expected, owner: T) -> None:
        """Note that `owner` was sent and will be answered by what fits `expected`."""
        self._waiting.append((expected, owner))

    @property
    def head(self) -> T | None:
        """Who is answered next."""
        return self._waiting[0][1] if self._waiting else None

    def take(self, reply: Mapping[str, Any]) -> tuple[list[T], T | None]:
        """Return who will never be answered, and whose answer `reply` is (None: nobody's)."""
        for place, (expected, owner) in enumerate(self._waiting):
            if expected.fits(reply):
                passed_over = [self._waiting.popleft()[1] for _ in range(place)]
                self._waiting.popleft()
                return passed_over, owner
        return [], None

    def clear(self) -> list[T]:
        """Return all who still waited, and forget them."""
        waiting = [owner for _, owner in self._waiting]
        self._waiting.clear()
        return waiting
