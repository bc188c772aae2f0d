"""The hooks as data, and the only place where one is called (P1).

pluggy keeps the implementations; it does not call them. Its own call would hand every plugin
the same arguments, let one exception end the others' turn, and return coroutines un-awaited.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import pluggy

from trunkline import hookspecs
from trunkline.hookspecs import PROJECT


@attrs.frozen
class HookSpec:
    """One hook: what may be implemented."""

    name: str
    arguments: tuple[str, ...]
    is_async: bool

    def __str__(self) -> str:
        return f"{'async ' * self.is_async}{self.name}({', '.join(self.arguments)})"


def _specs() -> dict[str, HookSpec]:
    return {
        name: HookSpec(
            name, tuple(inspect.signature(spec).parameters), inspect.iscoroutinefunction(spec)
        )
        for name, spec in inspect.getmembers(hookspecs, inspect.isfunction)
        if hasattr(spec, f"{PROJECT}_spec")
    }


#: {hook: its specification}
SPECS: Mapping[str, HookSpec] = _specs()


@attrs.frozen
class _Implementation:
    """What one plugin has for one hook."""

    function: Callable[..., Any]
    arguments: tuple[str, ...]


class Hooks:
    """The implementations of one host's plugins, called one at a time."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._implementations: dict[tuple[str, str], _Implementation] = {}  # by (plugin, hook)
        self._call_count = 0

    @property
    def call_count(self) -> int:
        """How many implementations were called so far; a message adds none (P2)."""
        return self._call_count

    def register(self, name: str, plugin: object) -> tuple[str, ...]:
        """Take the hooks of a plugin that has passed the audit; return their names, sorted.

        Raises:
            pluggy.PluginValidationError: pluggy knows a fault that the audit does not.
        """
        self._manager.register(plugin, name)
        callers = self._manager.get_hookcallers(plugin) or []
        for caller in callers:
            for implementation in caller.get_hookimpls():
                if implementation.plugin_name == name:
                    arguments = tuple(inspect.signature(implementation.function).parameters)
                    self._implementations[name, caller.name] = _Implementation(
                        implementation.function, arguments
                    )
        return tuple(sorted(caller.name for caller in callers))

    def has(self, hook: str, plugin: str) -> bool:
        """Tell whether the plugin implements the hook."""
        return (plugin, hook) in self._implementations

    def call(self, hook: str, plugin: str, **arguments: object) -> None:
        """Call a plugin's implementation of a synchronous hook, if it has one.

        It is given the arguments it names. What it raises is the caller's to catch.
        """
        if self.has(hook, plugin):
            self._begin(hook, plugin, arguments)

    async def call_async(self, hook: str, plugin: str, **arguments: object) -> object:
        """Await a plugin's implementation of an async hook; None where it has none."""
        if not self.has(hook, plugin):
            return None
        coroutine: Awaitable[object] = self._begin(hook, plugin, arguments)
        return await coroutine

    def _begin(self, hook: str, plugin: str, arguments: Mapping[str, object]) -> Any:
        implementation = self._implementations[plugin, hook]
        self._call_count += 1
        return implementation.function(*(arguments[name] for name in implementation.arguments))
