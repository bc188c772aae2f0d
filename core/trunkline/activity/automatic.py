"""Records what a function or a block did: how long it took and how it ended, and what is named.

What is no `Exception` is a cancel: Trio's, asyncio's, Ctrl-C. Of an error the class's name is
recorded, never its message, which may hold anything.
"""

import functools
import inspect
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
#: Records an action: `(name, metadata)`.
Track = Callable[[str, Mapping[str, Any]], object]


@contextmanager
def during(track: Track, name: str) -> Iterator[dict[str, Any]]:
    """Track `name` when the block ends, with what was put into the mapping that is yielded.

    `duration_ms`, `outcome` (`ok`, `error`, `cancelled`) and `error` are set over it.
    """
    metadata: dict[str, Any] = {}
    ended: dict[str, Any] = {"outcome": "ok"}
    started = time.perf_counter()
    try:
        yield metadata
    except Exception as exc:
        ended = {"outcome": "error", "error": type(exc).__name__}
        raise
    except BaseException:
        ended = {"outcome": "cancelled"}
        raise
    finally:
        milliseconds = round((time.perf_counter() - started) * 1000, 3)
        track(name, {**metadata, "duration_ms": milliseconds, **ended})


def tracked(track: Track, name: str, recorded: Collection[str]) -> Callable[[F], F]:
    """Return a decorator that tracks each call, with the arguments named in `recorded`.

    Raises (the decorator):
        TypeError: the function is a generator, which does its work after the call, or has no
            argument of such a name.
    """

    def decorate(function: F) -> F:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"`{name}`: a generator is not tracked; put `during` into its body")
        signature = inspect.signature(function)
        if unknown := [each for each in recorded if each not in signature.parameters]:
            raise TypeError(f"`{name}`: {function.__qualname__}{signature} has no `{unknown[0]}`")

        def arguments(args: Any, kwargs: Any) -> dict[str, Any]:
            try:
                bound = signature.bind(*args, **kwargs)
            except TypeError:  # the call itself says it better
                return {}
            bound.apply_defaults()
            return {each: bound.arguments[each] for each in recorded}

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with during(track, name) as metadata:
                metadata.update(arguments(args, kwargs))
                return function(*args, **kwargs)

        @functools.wraps(function)
        async def call_async(*args: Any, **kwargs: Any) -> Any:
            with during(track, name) as metadata:
                metadata.update(arguments(args, kwargs))
                return await function(*args, **kwargs)

        return call_async if inspect.iscoroutinefunction(function) else call  # type: ignore[return-value] # of the same signature

    return decorate
