"""The signatures that plugins are written against, as lines of text, and when a change breaks them.

python tests/support/plugin_surface.py > tests/contract/plugin_surface.txt
"""

import ast
import inspect
import sys
from collections.abc import Iterator

import attrs

from trunkline import hookspecs, plugin_api

REGISTRARS = ("Topics", "Classifiers", "Filters", "Sinks", "Subscriptions")


def surface() -> dict[str, str]:
    """Return `{name: signature}` of the hooks, of every `add`, and of what `ctx` has."""
    found = {
        name: _written(hook)
        for name, hook in vars(hookspecs).items()
        if name.startswith("trunkline_")
    }
    for registrar in REGISTRARS:
        found[f"{registrar}.add"] = _written(getattr(plugin_api, registrar).add)
    for name, member in vars(plugin_api.PluginContext).items():
        if isinstance(member, property):
            found[f"ctx.{name}"] = "property"
        elif inspect.isfunction(member) and not name.startswith("_"):
            found[f"ctx.{name}"] = _written(member)
    return found


def _written(function: object) -> str:
    """Return a signature without annotations and `self`."""
    signature = inspect.signature(function)  # type: ignore[arg-type] # a function
    parameters = [
        each.replace(annotation=each.empty)
        for each in signature.parameters.values()
        if each.name != "self"
    ]
    text = str(inspect.Signature(parameters))
    return f"async {text}" if inspect.iscoroutinefunction(function) else text


def breaks(name: str, old: str, new: str | None) -> Iterator[str]:
    """Yield what in a new signature stops what was written for the old one.

    A hook may gain arguments as it likes, for an implementation names only those it uses.
    """
    if new is None:
        yield f"{name} is gone"
    elif "property" in {old, new} or old.startswith("async") != new.startswith("async"):
        if old != new:
            yield f"{name} is `{new}`, was `{old}`"
    else:
        yield from _argument_breaks(name, _parameters(old), _parameters(new))


@attrs.frozen
class _Parameter:
    name: str
    is_named: bool
    default: str | None


def _parameters(written: str) -> list[_Parameter]:
    [function] = ast.parse(f"def f{written.removeprefix('async ')}: ...").body
    assert isinstance(function, ast.FunctionDef)
    given = function.args
    plain = [None] * (len(given.args) - len(given.defaults)) + [*map(ast.unparse, given.defaults)]
    named = [None if default is None else ast.unparse(default) for default in given.kw_defaults]
    return [
        *(_Parameter(each.arg, False, d) for each, d in zip(given.args, plain, strict=True)),
        *(_Parameter(each.arg, True, d) for each, d in zip(given.kwonlyargs, named, strict=True)),
    ]


def _argument_breaks(name: str, old: list[_Parameter], new: list[_Parameter]) -> Iterator[str]:
    left = {each.name: each for each in new}
    for place, each in enumerate(old):
        now = left.pop(each.name, None)
        if now is None:
            yield f"{name} has lost `{each.name}`"
        elif not each.is_named and (now.is_named or new.index(now) != place):
            yield f"{name}: `{each.name}` has moved"
        elif now.default != each.default:
            yield f"{name}: `{each.name}` has another default"
    if not name.startswith("trunkline_"):
        yield from (
            f"{name}: `{each.name}` is new and has no default"
            for each in left.values()
            if each.default is None
        )


if __name__ == "__main__":
    sys.stdout.writelines(f"{name} {signature}\n" for name, signature in surface().items())
