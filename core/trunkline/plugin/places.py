"""Where in a plugin's source something stands, as `file:line`; asked when something is wrong.

A place that is not known, as of what was made at run time, is an empty text.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import ModuleType


def short_place(file: str, line: int) -> str:
    """Return `file:line` as people read it, the file without its folders."""
    return f"{file.replace(chr(92), '/').rpartition('/')[2]}:{line}"


def place_of(function: Callable[..., object]) -> str:
    """Return the place of a function, or of what it wraps."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return "" if code is None else short_place(code.co_filename, code.co_firstlineno)


def place_in(owner: object, name: str = "") -> str:
    """Return where `name` is assigned in a module, a class, or the class of an instance.

    Where it is not, or none is given, that is where the owner begins.
    """
    body = owner if isinstance(owner, ModuleType | type) else type(owner)
    try:
        file = inspect.getfile(body)
        lines, start = inspect.getsourcelines(body)
        tree: ast.Module | ast.stmt = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return ""
    if isinstance(body, type) and isinstance(tree, ast.Module):
        tree = tree.body[0]
    within = [node.lineno for node in getattr(tree, "body", ()) if name in _assigned(node)]
    first = max(start, 1)
    return short_place(file, first + within[-1] - 1 if within else first)


def _assigned(node: ast.stmt) -> set[str]:
    """Return the names that a statement assigns."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.Assign):
        targets = node.targets
    return {target.id for target in targets if isinstance(target, ast.Name)}
