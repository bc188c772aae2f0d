"""What makes an address safe to send events to; no text here repeats any part of one."""

import ipaddress
from urllib.parse import urlsplit

from trunkline.plugin_api import Secret
from trunkline_plugins.sinks.secrets import revealed


def check_address(_: object, __: object, url: str | Secret) -> None:
    """Refuse what is no address, or would carry events in the clear; a validator of attrs.

    Raises:
        ValueError: it cannot be used; the text says what can.
    """
    text = revealed(url)
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if not host or not text.isprintable() or " " in text or "#" in text:
        raise ValueError("expected the URL of a receiver, such as https://hooks.example/in")
    if "@" in parts.netloc:
        raise ValueError("no user or password in a URL; a receiver knows us by the signature")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("expected https://; plain http:// goes to this machine only")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
