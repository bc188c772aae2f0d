"""Whose connection this is: the token to present, and who the server said we are.

An identity is never lowered or exchanged (connection.md CR4): nothing queued for one user is ever
sent as another.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import trio

from trunkline.config import FileSecret, Secret, TokenProvider
from trunkline.connection.close_policy import LinkLost, Loss
from trunkline.connection.protocol import User
from trunkline.strict import Expected

T = TypeVar("T")

PROVIDER_LIMIT = 10.0  # s; a provider, or a file system, that hangs is an ordinary failure


class Credentials:
    """Holds the token or where it comes from, and the identity of the connection."""

    def __init__(self, token: Secret | TokenProvider | None) -> None:
        self._token = token
        self._asking = trio.Lock()
        self._reading = trio.CapacityLimiter(1)  # no more threads for a file system that hangs
        self._wants_fresh = False
        self._user: User | None = None

    @property
    def can_be_fresh(self) -> bool:
        """There is where to look for another token than the one that was refused."""
        is_fixed = isinstance(self._token, Secret) and not isinstance(self._token, FileSecret)
        return self._token is not None and not is_fixed

    @property
    def is_anonymous(self) -> bool:
        """No token is presented."""
        return self._token is None

    async def token(self, *, fresh: bool = False) -> str | None:
        """Return the token for this attempt; None to stay anonymous.

        The provider is asked by one at a time (CR1); `fresh` asks for one that is not cached. A
        file is read again only then: who has been let in needs no file.

        Raises:
            LinkLost: the provider raised, or it or the file gave no usable token in time.
        """
        fresh = fresh or self._wants_fresh
        if isinstance(self._token, FileSecret) and fresh:
            self._token = await self._in_time(partial(self._read_again, self._token))
        if self._token is None:
            return None
        if isinstance(self._token, Secret):
            return self._token.reveal()
        return await self._in_time(partial(_ask, self._token, fresh=fresh))

    async def _in_time(self, ask: Callable[[], Awaitable[T]]) -> T:
        async with self._asking:
            with trio.move_on_after(PROVIDER_LIMIT):
                return await ask()
        raise LinkLost(Loss("token", f"there was no token within {PROVIDER_LIMIT:g} s"))

    async def _read_again(self, token: FileSecret) -> FileSecret:
        try:
            return await trio.to_thread.run_sync(
                token.read_again, abandon_on_cancel=True, limiter=self._reading
            )
        except Expected as exc:
            raise LinkLost(Loss("token", str(exc))) from None

    def refused(self, reason: str) -> LinkLost:
        """Note a refusal: from now on a fresh token is asked for."""
        self._wants_fresh = True
        return LinkLost(Loss("refusal", reason))

    def accepted(self, user: User) -> None:
        """Note who we are.

        Raises:
            LinkLost: it is not who we were.
        """
        if self._user is not None and self._user.id != user.id:
            self._wants_fresh = True
            raise LinkLost(Loss("identity", "the server took the token for another user"))
        self._user = user
        self._wants_fresh = False


async def _ask(provider: TokenProvider, *, fresh: bool) -> str:
    try:
        token = (await provider(fresh=fresh)).strip()
    except Exception as exc:  # noqa: BLE001 - the provider is not ours; its text may hold a secret
        raise LinkLost(Loss("token", f"the provider raised {type(exc).__name__}")) from None
    if not token or not token.isprintable():
        raise LinkLost(Loss("token", "the provider gave an empty or unprintable token"))
    return token
