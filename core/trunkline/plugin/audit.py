"""Looks at an imported plugin before it is registered (P11).

pluggy accepts eight kinds of mistakes that make a plugin do nothing, or fail at its first call.
Each is found here, with `file:line`, what to do, and never a traceback. Nothing is called and
no property is evaluated.
"""

import inspect
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType, ModuleType
from typing import Any

import attrs

from trunkline.hookspecs import PROJECT
from trunkline.plugin.field_types import field_problems
from trunkline.plugin.hooks import SPECS, HookSpec
from trunkline.plugin.places import place_in, place_of
from trunkline.plugin.suggest import did_you_mean
from trunkline.plugin_api import PluginInfo

INFO = "trunkline_plugin"  # where a plugin says what it needs
MARKER = f"{PROJECT}_impl"
PREFIX = f"{PROJECT}_"
#: what pluggy's marker leaves on a function; by it the marker of another project is known
_OPTIONS = frozenset({"hookwrapper", "optionalhook", "tryfirst", "trylast", "specname"})


@attrs.frozen
class Audited:
    """What a plugin says of itself, and everything that is wrong with it."""

    info: PluginInfo[Any]
    problems: tuple[str, ...]


def audit(plugin: object) -> Audited:
    """Examine a module or an instance."""
    if inspect.isclass(plugin):
        text = "a class is not a plugin; point the entry point at an instance or a module"
        return Audited(PluginInfo(), (f"{place_in(plugin)} {plugin.__name__}: {text}".lstrip(),))
    problems: list[str] = []
    declared: object = getattr(plugin, INFO, PluginInfo())
    info: PluginInfo[Any] = declared if isinstance(declared, PluginInfo) else PluginInfo()
    said = [*_info_problems(info)]
    if info is not declared:
        said.append("is not a PluginInfo: write `trunkline_plugin = PluginInfo(...)`")
    problems += [f"{place_in(plugin, INFO)} `{INFO}`: {text}".lstrip() for text in said]
    if inspect.isclass(info.config) and attrs.has(info.config):
        problems += field_problems(info.config)
    hook_count = 0
    for name, function in _functions(plugin):
        is_marked = hasattr(function, MARKER)
        hook_count += is_marked
        found = _hook_problems(name, function) if is_marked else _unmarked_problems(name, function)
        problems += [f"{place_of(function)} {name}: {text}".lstrip() for text in found]
    if hook_count == 0 and not problems:
        text = "it implements no hook: mark functions with `@trunkline.hookimpl`"
        problems.append(f"{place_in(plugin)} {text}".lstrip())
    return Audited(info, tuple(problems))


def _functions(plugin: object) -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield every function that could be meant as a hook, as pluggy would bind it."""
    for name in dir(plugin):
        static = inspect.getattr_static(plugin, name, None)
        if isinstance(static, FunctionType | MethodType | staticmethod | classmethod):
            function = getattr(plugin, name)
        elif name.startswith(PREFIX) and callable(static) and not isinstance(static, ModuleType):
            function = static
        else:
            continue
        if name.startswith(PREFIX) or hasattr(function, MARKER):
            yield name, function


def _hook_problems(name: str, function: Callable[..., object]) -> Iterator[str]:
    """Yield what is wrong with a function that bears our marker."""
    options = {option for option, value in _options_of(function).items() if value}
    if options:
        yield f"`@hookimpl` takes no options here: remove {', '.join(sorted(options))}"
    if not isinstance(function, FunctionType | MethodType):
        yield "is not a function; a hook is a plain `def` or `async def`"
        return
    spec = SPECS.get(name)
    if spec is None:
        yield f"there is no hook `{name}`{did_you_mean(name, SPECS)}"
        return
    yield from _kind_problems(spec, function)
    for parameter in inspect.signature(function).parameters.values():
        if text := _parameter_problem(spec, parameter):
            yield f"{text} (the hook is `{spec}`)"


def _options_of(function: Callable[..., object]) -> dict[str, object]:
    """Return the options that our marker has left on a function."""
    marker = getattr(function, MARKER)
    return dict(marker) if isinstance(marker, dict) else {}


def _kind_problems(spec: HookSpec, function: Callable[..., object]) -> Iterator[str]:
    is_generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if is_generator:
        yield "a hook cannot `yield`"
    elif spec.is_async and not inspect.iscoroutinefunction(function):
        yield "must be `async def`"
    elif not spec.is_async and inspect.iscoroutinefunction(function):
        yield "must be a plain `def`"


def _parameter_problem(spec: HookSpec, parameter: inspect.Parameter) -> str:
    name = parameter.name
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
        return f"`{stars}{name}` would always be empty; name the arguments you use"
    if name not in spec.arguments:
        return f"no argument `{name}`{did_you_mean(name, spec.arguments)}"
    if parameter.kind is parameter.KEYWORD_ONLY:
        return f"`{name}` is never passed after `*`; make it a plain parameter"
    return ""


def _unmarked_problems(name: str, function: Callable[..., object]) -> Iterator[str]:
    """Yield what is wrong with a function that is called like a hook and has no marker of ours."""
    if foreign := _foreign_project(function):
        yield f"is marked for `{foreign}`; use `trunkline.hookimpl`"
    elif name in SPECS:
        yield "has a hook's name but no `@hookimpl`"


def _foreign_project(function: Callable[..., object]) -> str | None:
    """Return the pluggy project whose marker a function bears."""
    for attribute, value in getattr(function, "__dict__", {}).items():
        if attribute.endswith("_impl") and isinstance(value, dict) and value.keys() >= _OPTIONS:
            return str(attribute.removesuffix("_impl"))
    return None


def _info_problems(info: PluginInfo[Any]) -> Iterator[str]:
    if info.config is not None and not (inspect.isclass(info.config) and attrs.has(info.config)):
        yield "`config` must be an attrs class, such as one made by `@attrs.frozen`"
    for field in ("requires", "after"):
        names = getattr(info, field)
        if not isinstance(names, tuple | list) or not all(isinstance(n, str) for n in names):
            yield f'`{field}` must be a tuple of plugin names: `{field}=("flow",)`'
