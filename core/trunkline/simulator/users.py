"""Who may connect, and with which token.

A token that begins with `key-` stands for an API key, one that begins with `refresh-` for a
refresh token: the first is taken by message only, the second everywhere but there (protocol §2).
"""

from collections.abc import Mapping

import attrs

ACCOUNT_A = "fd574fbd-6838-441a-babb-7fba886addb9"
ACCOUNT_B = "0b9d7c52-3f0e-4f0b-9f43-5b8b3f6a2c11"


@attrs.frozen
class User:
    """A member of an account."""

    id: str
    username: str
    account_id: str
    may_execute: bool = True
    """Holds `execute_flows`: may send commands."""
    may_view_approvals: bool = True
    """Over the socket every member may (S12)."""
    may_decide: bool = True
    """Holds `view_approvals` and `decide_approvals` over REST."""
    may_view_users: bool = True

    @property
    def email(self) -> str:
        """An address that cannot exist."""
        return f"{self.username}@example.com"


ALICE = User("3e6260d8-e77c-40fb-b329-7e82cc384622", "alice", ACCOUNT_A)
BOB = User("7a1f4c0e-5d2b-4c8e-8a39-2f6d1b7e9c04", "bob", ACCOUNT_B)
CAROL = User(
    "c4d8e2b6-91f7-4a35-b0c2-6e5f8d3a7b19",
    "carol",
    ACCOUNT_A,
    may_execute=False,
    may_decide=False,
    may_view_users=False,
)
DAVE = User("5f0b8a8e-6f5e-4a57-8d2b-3b8d3f1c9e72", "dave", ACCOUNT_A)

#: {token: who presents it}
DEFAULT_USERS: Mapping[str, User] = {
    "demo-token": ALICE,
    "key-demo": ALICE,
    "refresh-demo": ALICE,
    "other-token": BOB,
    "viewer-token": CAROL,
    "second-token": DAVE,
}
PASSWORD = "demo"  # noqa: S105 - everybody's; nobody here is real


class Tokens:
    """Which tokens are good just now."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self.users = users
        self.are_refused = False
        """Refuse every token, as the server does while its database is away (S8)."""

    def user_of_upgrade(self, token: str | None) -> User | None:
        """Return who a token in the header or query stands for; a bad one is no error (§2)."""
        if token is None or token.startswith("key-"):
            return None
        return self._find(token)

    def user_of_message(self, token: object) -> User | None:
        """Return who the token of an `authenticate` message stands for."""
        if not isinstance(token, str) or token.startswith("refresh-"):
            return None
        return self._find(token)

    def user_of_request(self, token: str) -> User | None:
        """Return who a token stands for over REST: a JWT or an API key (protocol §10)."""
        return None if token.startswith("refresh-") else self._find(token)

    def of_user(self, username: str, *, refreshing: bool = False) -> str | None:
        """Return a token of somebody: one to present, or one to get others with."""
        for token, user in self.users.items():
            kind = token.startswith("refresh-")
            if user.username == username and not token.startswith("key-") and kind is refreshing:
                return token
        return None

    def _find(self, token: str) -> User | None:
        return None if self.are_refused else self.users.get(token)
