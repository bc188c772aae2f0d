"""What no single field can tell: settings that contradict each other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from trunkline.config.limits import EVERY_TOPIC, HOST_TOPIC
from trunkline.config.lines import Place
from trunkline.config.settings import ConnectionSettings, FilterSettings

Finding = tuple[Place, str]


def contradictions(settings: object) -> Iterator[Finding]:
    """Yield what is wrong in a table that is well typed; places are relative to the table."""
    rule = _RULES.get(type(settings))
    if rule is not None:
        yield from rule(settings)


def _connection(settings: ConnectionSettings) -> Iterator[Finding]:
    if settings.exposes_token and not settings.allow_insecure_token:
        yield (
            ("url",),
            "a token does not travel over ws:// to another machine; use wss://,"
            " or set `allow_insecure_token` to true",
        )
    if settings.ca_file is not None and not settings.url.secure:
        yield ("ca_file",), "`ca_file` goes with wss://, but `url` says ws://"


def unreached(filters: Sequence[FilterSettings | None]) -> Iterator[Finding]:
    """Yield the filters that never see an event; None stands for one that is wrong by itself."""
    for number, later in enumerate(filters):
        for before, earlier in enumerate(filters[:number]):
            if later is None or earlier is None or earlier.action != "drop" or earlier.where:
                continue
            if earlier.topic in {EVERY_TOPIC, later.topic}:
                topic = (
                    "every event" if earlier.topic == EVERY_TOPIC else f"all of `{earlier.topic}`"
                )
                yield (
                    ("filter", number),
                    f"is never reached: filter[{before}] drops {topic};"
                    " give that one a `where`, or remove one of the two",
                )
                break


def _filter(settings: FilterSettings) -> Iterator[Finding]:
    if settings.topic == HOST_TOPIC:
        yield ("topic",), f"no filter sees `{HOST_TOPIC}`, what the host itself announces"
    if settings.action == "redact" and not settings.keys:
        yield ("keys",), "`redact` needs the keys to redact"
    if settings.action != "redact" and settings.keys:
        yield ("keys",), f"`keys` goes with `redact`, not with `{settings.action}`"
    if settings.action == "sample" and settings.keep == 1.0:
        yield ("keep",), "`sample` needs the share to keep, below 1"
    if settings.action != "sample" and settings.keep != 1.0:
        yield ("keep",), f"`keep` goes with `sample`, not with `{settings.action}`"


_RULES: Mapping[type, Callable[[Any], Iterator[Finding]]] = {
    ConnectionSettings: _connection,
    FilterSettings: _filter,
}
