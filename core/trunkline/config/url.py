"""The address of the server: parsed once, strictly, so that nothing below has to doubt it."""

import ipaddress
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import attrs

DEFAULT_PORTS = {"ws": 80, "wss": 443}
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?"


@attrs.frozen
class Endpoint:
    """Where to connect; `target` is path and query, percent-encoded."""

    secure: bool
    host: str
    port: int
    target: str

    @property
    def host_header(self) -> str:
        """The `Host` of the upgrade (RFC 3986): brackets for IPv6, its scheme's own port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = DEFAULT_PORTS["wss" if self.secure else "ws"]
        return host if self.port == default else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """It names this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def display(self) -> str:
        """The URL without its query, for people."""
        scheme = "wss" if self.secure else "ws"
        return f"{scheme}://{self.host_header}{self.target.partition('?')[0]}"

    def with_query(self, **parameters: str) -> "Endpoint":
        """Return the same with further query parameters."""
        joint = "&" if "?" in self.target else "?"
        return attrs.evolve(self, target=f"{self.target}{joint}{urlencode(parameters)}")


def parse_url(text: str) -> Endpoint:
    """Parse a `ws://` or `wss://` URL.

    Raises:
        ValueError: it cannot be used; the text says why and what to do, and repeats no secret.
    """
    if any(ord(char) < 0x21 or ord(char) == 0x7F for char in text):
        raise ValueError("a URL has no blanks and no control characters")
    parts = urlsplit(text)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("a URL starts with ws:// or wss://")
    if "@" in parts.netloc:
        raise ValueError("no user or password in a URL; put the token into `token`")
    if parts.fragment or "#" in text:
        raise ValueError("no fragment (#...) in a WebSocket URL (RFC 6455)")
    if any(name.lower() == "token" for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError("no token in a URL, where logs would show it; put it into `token`")
    secure = parts.scheme == "wss"
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    target = path + (f"?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else "")
    return Endpoint(secure, _host(parts.hostname), _port(parts.netloc, secure=secure), target)


def _host(host: str | None) -> str:
    if not host:
        raise ValueError("the URL names no host")
    if ":" in host:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    try:
        encoded = host.encode("idna").decode()
    except UnicodeError:
        raise ValueError("the URL's host is no host name") from None
    if not all(char.isalnum() or char in "-._" for char in encoded):
        raise ValueError("the URL's host is no host name")
    return encoded


def _port(netloc: str, *, secure: bool) -> int:
    given = (
        netloc.rpartition("]")[2].partition(":")[2] if "]" in netloc else netloc.partition(":")[2]
    )
    if not given:
        return DEFAULT_PORTS["wss" if secure else "ws"]
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 65535):
        raise ValueError("the URL's port is a number from 1 to 65535")
    return int(given)
