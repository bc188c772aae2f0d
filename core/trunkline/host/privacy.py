"""The stages that a configuration asks for: its hooks imported, its lists of keys."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from trunkline.activity.redaction import Redactor
from trunkline.activity.stages import Stages
from trunkline.activity.tracker import Tracker
from trunkline.border import let_pass
from trunkline.config import Config
from trunkline.errors import ConfigError, Problem
from trunkline.supervise import reason_of


def stages_of(config: Config, tracker: Tracker) -> Stages:
    """Return the stages for `tracker`.

    Raises:
        ConfigError: a hook cannot be imported; every problem at once.
    """
    problems: list[Problem] = []
    hooks: dict[str, Any] = {}
    for key in ("consent", "before_send"):
        reference: str | None = getattr(config.activity, key)
        if reference is None:
            continue
        try:
            with _beside(config):
                hooks[key] = _found(reference)
        except BaseException as exc:  # noqa: BLE001 - importing runs what is not ours
            let_pass(exc)
            problems.append(config.problem(("activity", key), f"{reference}: {reason_of(exc)}"))
    if problems:
        raise ConfigError(problems)
    redactor = Redactor(config.activity.redact, config.activity.allow)
    return Stages(redactor, **hooks, application=tracker.application)


def _found(reference: str) -> Callable[..., Any]:
    module, _, path = reference.partition(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    if not callable(found):
        raise TypeError("is not a function")
    return found  # type: ignore[no-any-return] # callable was asked


@contextmanager
def _beside(config: Config) -> Iterator[None]:
    """Let modules beside the config file be found, after all others."""
    if config.path is None:
        yield
        return
    folder = str(config.path.parent.absolute())
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
