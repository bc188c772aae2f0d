"""What a flush can truthfully say."""

from collections.abc import Mapping

import attrs


@attrs.frozen
class SinkReport:
    """What became of what one sink was given, since the start."""

    delivered: int
    waiting: int
    dead: int
    """Dead letters."""
    dropped: int
    """Pushed out of a full outbox, or forgotten."""


@attrs.frozen
class FlushReport:
    """What has become of what was recorded, since the start."""

    delivered: int
    """Taken by every sink."""
    waiting: int
    """Some sink still has to take them, or they are not stored yet."""
    dead: int
    """Dead letters, of all sinks together."""
    dropped: int
    """Refused, dropped by a stage, forgotten, or pushed out of a full outbox."""
    is_done: bool = False
    """What was asked for is the case: everything recorded before the flush is stored, or delivered."""
    sinks: Mapping[str, SinkReport] = attrs.Factory(dict)
    """{sink: its own figures}"""
