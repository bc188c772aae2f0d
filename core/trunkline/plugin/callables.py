"""What can be told of a plugin's function by looking at it."""

import inspect
from collections.abc import Callable
from typing import Literal

from trunkline.errors import PluginError


def is_async(function: Callable[..., object]) -> bool:
    """Tell whether calling it gives something to await; knows objects with `async __call__`."""
    call = getattr(function, "__call__", None)  # noqa: B004 - the method itself is wanted
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def parameter_count(function: Callable[..., object], what: str) -> Literal[1, 2]:
    """Return how many arguments a handler or sink wants: the events, or the events and `ctx`.

    Raises:
        PluginError: neither one nor two arguments can be passed, or it cannot be called.
    """
    if not callable(function):
        raise PluginError(
            f"a {what} is a function, without brackets behind its name; got {function!r}"
        )
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none
        return 1
    if sum(_must_be_passed(parameter) for parameter in signature.parameters.values()) == 2:
        return 2
    try:
        signature.bind(None)
    except TypeError:
        first = "event" if what == "handler" else "events"
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise PluginError(
            f"{what} `{name}{signature}` must take `({first})` or `({first}, ctx)`"
        ) from None
    return 1


def _must_be_passed(parameter: inspect.Parameter) -> bool:
    kinds = {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}
    return parameter.kind in kinds and parameter.default is parameter.empty
