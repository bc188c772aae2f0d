"""Pure: the filters that the file declares without code, as rules (`[[filter]]`)."""

from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, assert_never

import attrs

from trunkline.config import FilterSettings
from trunkline.events import Event
from trunkline.routing.table import FilterRule

REDACTED = "[redacted]"


def filters_from_config(settings: Iterable[FilterSettings], rng: Random) -> tuple[FilterRule, ...]:
    """Return the rules of the file, in its order; `rng` draws what a `sample` keeps."""
    return tuple(
        FilterRule(
            f"filter.{number}", _function(each, rng), (each.topic,), each.where, _in_words(each)
        )
        for number, each in enumerate(settings, start=1)
    )


def _function(settings: FilterSettings, rng: Random) -> Callable[[Event], Event | None]:
    match settings.action:
        case "drop":
            return lambda _: None
        case "redact":
            paths = tuple(tuple(key.split(".")) for key in settings.keys)
            return lambda event: attrs.evolve(event, data=_redacted(event.data, paths))
        case "sample":
            keep = settings.keep
            return lambda event: event if rng.random() < keep else None
    assert_never(settings.action)


def _in_words(settings: FilterSettings) -> str:
    match settings.action:
        case "drop":
            return "drop"
        case "redact":
            return f"redact {', '.join(settings.keys)}"
        case "sample":
            return f"keep {100 * settings.keep:g} % of the events"
    assert_never(settings.action)


def _redacted(data: Mapping[str, Any], paths: Iterable[tuple[str, ...]]) -> Mapping[str, Any]:
    for path in paths:
        data = _without(data, path)
    return data


def _without(value: Any, path: tuple[str, ...]) -> Any:
    """Return a copy of `value` that does not show what stands at `path`, in lists too."""
    if isinstance(value, list | tuple):
        return [_without(item, path) for item in value]
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    key, *rest = path
    shown = _without(value[key], tuple(rest)) if rest else REDACTED
    return {**value, key: shown}
