"""The address of the server: parsed once, strictly, so that nothing below has to doubt it.

No error text repeats any part of the URL: people put passwords and tokens into URLs.
"""

import ipaddress
from typing import NoReturn
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

import attrs

from trunkline.config.limits import port_of

DEFAULT_PORTS = {"ws": 80, "wss": 443}
LONGEST_HOST = 253  # characters (RFC 1035 §2.3.4)
LONGEST_URL = 2048  # characters; longer ones are refused on the way by many servers
_HEX = frozenset("0123456789abcdefABCDEF")
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"  # pchar of RFC 3986 §3.3
_QUERY_SAFE = _PATH_SAFE + "?"


@attrs.frozen
class Endpoint:
    """Where to connect; `host` and `target` (path and query) are ASCII and ready for the wire."""

    secure: bool
    host: str
    """A lower-case name, or an address; IPv6 without brackets."""
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
        """It names this machine; `x.localhost` does not, some resolvers ask the network for it."""
        if self.host == "localhost":
            return True
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)  # Python 3.13 looks through it, 3.11 not
        return (mapped or address).is_loopback

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
    """Parse a `ws://` or `wss://` URL; a path or host name that is not ASCII is encoded.

    Raises:
        ValueError: it cannot be used; the text says why and what to do, and repeats no part.
    """
    if len(text) > LONGEST_URL:
        raise ValueError(f"a URL has at most {LONGEST_URL} characters")
    if not text.isprintable() or " " in text:
        raise ValueError("a URL has no blanks, no control characters and no line ends")
    parts = _split(text)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(_about_scheme(parts.scheme))
    if "@" in parts.netloc:
        raise ValueError("no user or password in a URL; put the token into `token`")
    if "#" in text:
        raise ValueError("no fragment (#...) in a WebSocket URL (RFC 6455 §3)")
    if any(name.lower() == "token" for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError("no token in a URL, where logs would show it; put it into `token`")
    host, port = _host_and_port(parts.netloc)
    target = _encoded(parts.path or "/", _PATH_SAFE)
    if parts.query:
        target += "?" + _encoded(parts.query, _QUERY_SAFE)
    return Endpoint(parts.scheme == "wss", host, port or DEFAULT_PORTS[parts.scheme], target)


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:  # its text repeats host and user info
        _refuse_host()


def _about_scheme(scheme: str) -> str:
    wanted = {"http": "ws", "https": "wss"}.get(scheme)
    hint = f"; instead of {scheme}:// write {wanted}://" if wanted else ""
    return f"a URL starts with ws:// or wss://{hint}"


def _host_and_port(netloc: str) -> tuple[str, int | None]:
    if netloc.startswith("["):
        address, _, rest = netloc[1:].partition("]")
        host = _address(address)
    else:
        name, colon, rest = netloc.partition(":")
        host, rest = _name(name), colon + rest
    if rest in {"", ":"}:
        return host, None
    if rest[0] != ":":
        _refuse_host()
    port = port_of(rest[1:])
    if port is None:
        raise ValueError("the URL's port is a number from 1 to 65535")
    return host, port


def _address(text: str) -> str:
    if "%" in text:
        raise ValueError("no zone (%...) in the URL's IPv6 address")
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        _refuse_host()


def _name(name: str) -> str:
    """Return a host name as DNS knows it, lower case and IDNA-encoded."""
    if not name:
        raise ValueError("the URL names no host")
    name = name.lower()
    try:
        encoded = name.encode("idna").decode("ascii")
        # IDNA 2003 makes `ss` of a sharp s: a name that changes on the way would be another host
        if encoded.encode("ascii").decode("idna") != name and encoded != name:
            raise ValueError("write the URL's host in its ASCII form (xn--...)")
    except UnicodeError:
        _refuse_host()
    if len(encoded) > LONGEST_HOST or not _HOST.issuperset(encoded):
        _refuse_host()
    return encoded


def _refuse_host() -> NoReturn:
    raise ValueError("the URL's host is neither a host name nor an address") from None


def _encoded(text: str, safe: str) -> str:
    for start, char in enumerate(text):
        if char == "%" and not (
            len(text) > start + 2 and _HEX.issuperset(text[start + 1 : start + 3])
        ):
            raise ValueError("a % in a URL is followed by two hexadecimal digits; write %25 for %")
    return quote(text, safe=safe)
