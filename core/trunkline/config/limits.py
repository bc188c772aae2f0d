"""Types that say more than their base: numbers within limits, texts of a certain form.

A plugin's class may use `Seconds` and `Annotated[int, Range(...)]`; the forms are the core's own.
"""

import ipaddress
import string
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import attrs

_FIRST = frozenset(string.ascii_letters + string.digits)
_REST = _FIRST | frozenset("_.:-")
LONGEST_TOPIC = 128  # characters
HIGHEST_PORT = 65535


@attrs.frozen
class Range:
    """What a number must be, and how to say so."""

    phrase: str
    least: float = 0.0
    most: float = 1e9

    def __str__(self) -> str:
        return f"{self.phrase} from {self.least:.10g} to {self.most:.10g}"


@attrs.frozen
class Form:
    """What a text must look like, and how to say so."""

    phrase: str
    fits: Callable[[str], bool]
    pattern: str
    """The same for editors, as a JSON Schema pattern; `fits` decides."""


@attrs.frozen
class Where:
    """What a table of conditions must be: the one condition language."""

    phrase: str = "table of conditions"


EVERY_TOPIC = "*"  # subscribes to all of them
HOST_TOPIC = "system"  # the host's own: no plugin can own it, no filter sees what it announces


def is_topic(name: str) -> bool:
    """Tell whether `name` is a topic's: 1 to 128 of `A-Z a-z 0-9 _ . : -`, a letter or digit first."""
    return 0 < len(name) <= LONGEST_TOPIC and name[0] in _FIRST and _REST.issuperset(name)


def _is_topic_or_every(name: str) -> bool:
    return name == EVERY_TOPIC or is_topic(name)


def _is_dotted_path(text: str) -> bool:
    return all(text.split("."))


def _is_reference(text: str) -> bool:
    module, _, function = text.partition(":")
    return all(part.isidentifier() for part in (*module.split("."), *function.split(".")))


def port_of(text: str) -> int | None:
    """Return the port a text names, 1 to 65535; None where it names none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST_PORT))):
        return None  # a longer one would be an integer without bound
    return int(text) if 1 <= int(text) <= HIGHEST_PORT else None


def _is_loopback_door(text: str) -> bool:
    host, _, port = text.rpartition(":")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        return False
    try:
        is_port = port == "0" or port_of(port) is not None  # 0 takes a free one
        return ipaddress.ip_address(host.strip("[]")).is_loopback and is_port
    except ValueError:
        return False


#: A duration in seconds, not negative.
Seconds = Annotated[float, Range("number of seconds")]
#: How long something may take before it is given up.
Limit = Annotated[float, Range("number of seconds", 0.1, 3600)]
#: Time between two pings; plus a tenth it stays below the 60 s after which idle links are cut.
Interval = Annotated[float, Range("number of seconds", 0.1, 50)]
#: The longest wait before a retry; the shortest is 0.1 s.
Wait = Annotated[float, Range("number of seconds", 0.2, 3600)]
#: The size of a message; below the least not even a greeting passes.
Bytes = Annotated[int, Range("number of bytes", 1024, 1024**3)]
#: A part of a whole.
Share = Annotated[float, Range("number", 0.0, 1.0)]

DOTTED_PATH = r"[^.]+(\.[^.]+)*"  # a pattern for editors

_TOPIC_PHRASE = "topic (1 to 128 of A-Z a-z 0-9 _ . : -, a letter or digit first)"
_TOPIC_PATTERN = "[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}"

Topic = Annotated[str, Form(_TOPIC_PHRASE, is_topic, f"^{_TOPIC_PATTERN}$")]
TopicOrEvery = Annotated[
    str, Form(f"{_TOPIC_PHRASE}, or *", _is_topic_or_every, rf"^({_TOPIC_PATTERN}|\*)$")
]
#: Where in a message something stands, such as `payload.status`.
DottedPath = Annotated[
    str, Form("dotted path such as payload.status", _is_dotted_path, rf"^{DOTTED_PATH}$")
]
#: Conditions on a message.
Conditions = Annotated[Mapping[str, Any], Where()]
#: Something to import, `module:function`.
Reference = Annotated[
    str, Form("`module:function`", _is_reference, r"^[^\s:.]+(\.[^\s:.]+)*:[^\s:.]+(\.[^\s:.]+)*$")
]
LoopbackDoor = Annotated[
    str,
    Form(
        "loopback address and port, such as 127.0.0.1:9469",
        _is_loopback_door,
        r"^(127\.[0-9.]+|\[[0-9a-f:]+\]):[0-9]{1,5}$",
    ),
]
