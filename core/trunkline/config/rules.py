"""What no single field can tell: rules between settings, and names that must be well formed."""

import ipaddress
import string
from collections.abc import Iterator
from typing import Any

from trunkline.config.fields import Place
from trunkline.config.settings import ConnectionSettings, FilterSettings, HostSettings
from trunkline.where import WhereError, compile_where

_FIRST = frozenset(string.ascii_letters + string.digits)
_REST = _FIRST | frozenset("_.:-")
LONGEST_TOPIC = 128  # characters

Finding = tuple[Place, str]


def is_topic(name: str) -> bool:
    """Tell whether `name` is a topic's: 1 to 128 of `A-Z a-z 0-9 _ . : -`, a letter or digit first."""
    return 0 < len(name) <= LONGEST_TOPIC and name[0] in _FIRST and _REST.issuperset(name)


def check(table: str, settings: Any) -> Iterator[Finding]:
    """Yield what is wrong in a table that is well typed; places are relative to the table."""
    if isinstance(settings, ConnectionSettings):
        yield from _connection(settings)
    elif isinstance(settings, HostSettings):
        yield from _host(settings)
    elif isinstance(settings, FilterSettings):
        yield from _filter(settings)


def _connection(settings: ConnectionSettings) -> Iterator[Finding]:
    for number, topic in enumerate(settings.topics):
        if not is_topic(topic):
            yield ("topics", number), "not a topic: 1 to 128 of A-Z a-z 0-9 _ . : -"
    endpoint = settings.url
    is_exposed = settings.token is not None and not endpoint.secure and not endpoint.is_loopback
    if is_exposed and not settings.allow_insecure_token:
        yield (
            ("url",),
            "a token does not travel over ws:// to another machine; use wss://,"
            " or set `allow_insecure_token = true`",
        )


def _host(settings: HostSettings) -> Iterator[Finding]:
    if settings.http is None:
        return
    host, _, port = settings.http.rpartition(":")
    try:
        is_loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback or not port.isdigit() or not 1 <= int(port) <= 65535:
        yield ("http",), "expected a loopback address and a port, such as 127.0.0.1:9469"


def _filter(settings: FilterSettings) -> Iterator[Finding]:
    if settings.topic != "*" and not is_topic(settings.topic):
        yield ("topic",), "not a topic: 1 to 128 of A-Z a-z 0-9 _ . : -, or *"
    if settings.where is not None:
        try:
            compile_where(settings.where)
        except WhereError as exc:
            yield ("where",), str(exc)
    if settings.action == "redact" and not settings.keys:
        yield ("keys",), "`redact` needs the keys to redact"
    if settings.action != "redact" and settings.keys:
        yield ("keys",), f"`keys` goes with `redact`, not with `{settings.action}`"
    if settings.action != "sample" and settings.keep != 1.0:
        yield ("keep",), f"`keep` goes with `sample`, not with `{settings.action}`"
