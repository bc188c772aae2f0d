"""What decides where a message goes, as data: made once when plugins have loaded, then read."""

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from trunkline.config import EVERY_TOPIC
from trunkline.events import Event


@attrs.frozen
class TopicRule:
    """A topic, and which messages belong to it."""

    topic: str
    owner: str
    """The plugin that owns it; empty for the server's own table."""
    match: Mapping[str, Any] | None = None
    """A `where` mapping on the message; None: only messages that name the topic."""


@attrs.frozen
class ClassifierRule:
    """A function that tells the topic of a type, or with `whole` of a message."""

    name: str
    """`plugin.name`"""
    function: Callable[[Any], str | None]
    whole: bool = False


@attrs.frozen
class FilterRule:
    """A function that keeps, changes or drops events."""

    name: str
    """`plugin.name`"""
    function: Callable[[Event], Event | None]
    topics: tuple[str, ...] = (EVERY_TOPIC,)
    where: Mapping[str, Any] | Callable[[Event], bool] | None = None
    does: str = ""
    """What it does, in words, where that is known: for those of a configuration."""


@attrs.frozen
class RouteTable:
    """All of them, in the order in which they are asked."""

    topics: tuple[TopicRule, ...] = ()
    classifiers: tuple[ClassifierRule, ...] = ()
    filters: tuple[FilterRule, ...] = ()
    fallbacks: tuple[TopicRule, ...] = ()
    """Asked after the plugins' rules: what the server's own table says."""
