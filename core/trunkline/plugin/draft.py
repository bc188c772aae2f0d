"""A plugin while it is being loaded, and the border that keeps its failures to itself.

The border is the one place where the loading meets exceptions that are not ours (P8).
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from trunkline.border import let_pass
from trunkline.plugin.discover import Found
from trunkline.plugin.places import short_place
from trunkline.plugin.record import PluginRecord
from trunkline.plugin.registrars import (
    ClassifierRegistrar,
    FilterRegistrar,
    SinkRegistrar,
    SubscriptionRegistrar,
    TopicRegistrar,
)
from trunkline.plugin.states import Phase, PluginState
from trunkline.plugin.switches import record_of
from trunkline.plugin_api import PluginInfo
from trunkline.supervise import reason_of

logger = logging.getLogger(__name__)


class Draft:
    """One plugin on its way through the phases."""

    def __init__(self, found: Found) -> None:
        self.found = found
        self.record = record_of(found)
        self.plugin: object = None
        self.info: PluginInfo[Any] = PluginInfo()
        self.config: object = None
        self.topics = TopicRegistrar(found.name)
        self.classifiers = ClassifierRegistrar(found.name)
        self.filters = FilterRegistrar(found.name)
        self.sinks = SinkRegistrar(found.name)
        self.subscriptions = SubscriptionRegistrar(found.name)

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.found.name

    @property
    def is_alive(self) -> bool:
        """Nothing has gone wrong so far."""
        return self.record.state is PluginState.WAITING

    @contextmanager
    def in_phase(self, phase: Phase) -> Iterator[None]:
        """Run a part of the loading; what it raises fails this plugin and nobody else."""
        self.record = attrs.evolve(self.record, phase=phase)
        try:
            yield
        except BaseException as exc:
            let_pass(exc)
            logger.debug("plugin.traceback", extra={"plugin": self.name}, exc_info=exc)
            self.fail(reason_of(exc), _place(exc, self.record.package))

    def fail(self, reason: str, location: str = "") -> None:
        """Give the plugin up, in the phase it is in."""
        self.record = self.record.moved(PluginState.FAILED, reason=reason, location=location)
        log_failure(self.record)


def log_failure(record: PluginRecord) -> None:
    """Say, once for each plugin, that it was not loaded."""
    logger.warning(
        "plugin.failed",
        extra={
            "plugin": record.name,
            "phase": record.phase,
            "reason": record.reason,
            "error": record.failure,
        },
    )


def _place(exc: BaseException, package: str) -> str:
    """Return the last `file:line` of the plugin's own code that the exception went through."""
    if isinstance(exc, SyntaxError) and exc.filename:
        return short_place(exc.filename, exc.lineno or 0)
    place = ""
    traceback = exc.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__", ""))
        if module == package or module.startswith(f"{package}."):
            place = short_place(frame.f_code.co_filename, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place
