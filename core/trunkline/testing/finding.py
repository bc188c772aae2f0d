"""From what a test names to the plugins that are loaded: those, and nothing that is installed."""

import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from trunkline.errors import UsageError
from trunkline.plugin.discover import Found, find_installed, find_local
from trunkline.plugin.suggest import did_you_mean

#: Plugins by name, as files, as modules or instances; or the latter two with their names.
Only = Collection[object] | Mapping[str, object]


def found_plugins(only: Only) -> tuple[Found, ...]:
    """Return what is to be loaded.

    A string names an installed plugin or a built-in; a path is a local one. Anything else is
    the plugin itself: a module is called by its entry point, or else by its last name, an
    instance by its class.

    Raises:
        UsageError: no installed plugin has that name.
    """
    if isinstance(only, Mapping):
        return tuple(_object(name, plugin) for name, plugin in only.items())
    if isinstance(only, str):
        raise UsageError(f'`only` is a collection of plugins: write only=["{only}"]')
    return tuple(found for each in only for found in _found(each))


def _found(plugin: object) -> Iterator[Found]:
    if isinstance(plugin, Path):
        yield from find_local([plugin])
    elif isinstance(plugin, str):
        yield _installed(plugin)
    else:
        yield _object(name_of(plugin), plugin)


def _installed(name: str) -> Found:
    installed = _all_installed(tuple(sys.path))
    if name not in installed:
        raise UsageError(f"no plugin `{name}` is installed{did_you_mean(name, installed)}")
    return installed[name]


@cache
def _all_installed(_path: tuple[str, ...]) -> Mapping[str, Found]:
    """Return `{name: plugin}`, looked up once for each `sys.path`: it costs more than a host."""
    return {each.name: each for each in find_installed()}


def name_of(plugin: object) -> str:
    """Return the name under which a plugin that is already in memory is loaded."""
    if not isinstance(plugin, ModuleType):
        return type(plugin).__name__.lower()
    for each in _all_installed(tuple(sys.path)).values():
        if each.source == plugin.__name__:
            return each.name
    return plugin.__name__.rpartition(".")[2]


def _object(name: str, plugin: object) -> Found:
    module = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
    return Found(name, "entry_point", module, lambda: plugin)
