"""What the HTTP upgrade of a client says (protocol §1, §2); pure."""

from collections.abc import Iterable
from typing import Self
from urllib.parse import parse_qs

import attrs

PATH = "/api/v1/ws/unified"

# Longer than these, the row of the session cannot be stored and the socket ends unexplained.
FINGERPRINT_LIMIT = 128  # characters
USER_AGENT_LIMIT = 512
ADDRESS_LIMIT = 45


@attrs.frozen
class Upgrade:
    """The parts of a request that the server looks at."""

    path: str
    token: str | None
    fingerprint: str = ""
    user_agent: str = ""
    address: str = ""

    @classmethod
    def parse(cls, target: str, headers: Iterable[tuple[bytes, bytes]]) -> Self:
        """Read a request's target and headers."""
        path, _, query = target.partition("?")
        fields = {name.lower(): value.decode("latin-1") for name, value in headers}
        forwarded = fields.get(b"x-forwarded-for", "").split(",")[0].strip()
        return cls(
            path,
            _token(query, fields.get(b"authorization", "")),
            parse_qs(query).get("fingerprint", [""])[-1],
            fields.get(b"user-agent", ""),
            forwarded or fields.get(b"x-real-ip", ""),
        )

    @property
    def breaks(self) -> bool:
        """The upgrade is taken, then the socket ends without greeting or Close frame."""
        return (
            len(self.fingerprint) > FINGERPRINT_LIMIT
            or "\0" in self.fingerprint
            or len(self.user_agent) > USER_AGENT_LIMIT
            or len(self.address) > ADDRESS_LIMIT
        )


def _token(query: str, authorization: str) -> str | None:
    """The header goes before the query, whose token is not decoded; the last one wins."""
    if authorization.startswith("Bearer "):
        return authorization.removeprefix("Bearer ")
    pairs = [pair.partition("=") for pair in query.split("&")]
    tokens = [value for key, _, value in pairs if key == "token"]
    return tokens[-1] if tokens else None
