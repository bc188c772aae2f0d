"""Commands of plugins: the entry points of `trunkline.commands`, a word each.

Listed from metadata; the code of one is imported when its word is called, and a broken one costs
nothing but itself. Words of ours cannot be taken. Each command gets the options that say where to
connect, and finds as click's `obj` what opens that connection (plugins §3, Commands).
"""

import re
from collections.abc import Collection, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from trunkline.errors import UserError

GROUP, PLUGINS = "trunkline.commands", "trunkline.plugins"
OURS = "trunkline"  # our distribution
#: What `-h` says of the built-ins' words; metadata has no place for it.
BUILT_IN = {
    "flows": "List executions; show, follow, stop one, or say something to it.",
    "approvals": "List requests for approval; show, approve or decline one.",
}
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Offers:
    """Who offers which word, but for those that are `taken`."""

    def __init__(self, taken: Collection[str]) -> None:
        self._points: dict[str, list[EntryPoint]] = {}  # {word: [entry point]}, sorted
        for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
            if _WORD.fullmatch(point.name) and point.name not in taken:
                self._points.setdefault(point.name, []).append(point)
        for word, points in self._points.items():
            self._points[word] = [p for p in points if _dist(p) == OURS] or points

    def __iter__(self) -> Iterator[str]:
        return iter(self._points)

    def described(self) -> Iterator[tuple[str, str]]:
        """Yield each word with what `-h` says of it."""
        for word, points in self._points.items():
            dists = " and of ".join(_dist(point) for point in points)
            is_ours = dists == OURS and word in BUILT_IN
            yield word, BUILT_IN[word] if is_ours else f"(of {dists})"

    def load(self, word: str, ctx: click.Context) -> click.Command | None:
        """Import the command of a word; None where nobody offers it.

        Raises:
            UserError: two distributions do, or it cannot be imported; the text names the culprit.
        """
        points = self._points.get(word, ())
        if not points:
            return None
        if len(points) > 1:
            dists = " and ".join(f"`{_dist(point)}`" for point in points)
            raise UserError(f"the command `{word}` is offered by {dists}; remove one of them")
        [point] = points
        command = _imported(point)
        from trunkline.cli.opening import Opening, add_options

        ctx.obj = Opening(word, _plugin_of(point))
        add_options(command)
        return command


def _imported(point: EntryPoint) -> click.Command:
    culprit = f"the command `{point.name}` ({_dist(point)}; {point.value})"
    try:
        command: Any = point.load()
    except BaseException as exc:
        from trunkline.border import let_pass  # it knows Trio, which `-h` does without

        let_pass(exc)
        raise UserError(
            f"{culprit} failed to import: {type(exc).__name__}: {exc}; update or remove it"
        ) from exc
    if not isinstance(command, click.Command):
        raise UserError(f"{culprit} is no click.Command; report it to its authors")
    return command


def _plugin_of(point: EntryPoint) -> str | None:
    """Return the plugin whose package the command lives in, else its distribution's only one."""
    siblings = [each for each in entry_points(group=PLUGINS) if _dist(each) == _dist(point)]
    around = [each for each in siblings if f"{point.module}.".startswith(f"{each.module}.")]
    if around:
        return max(around, key=lambda each: len(each.module)).name
    return siblings[0].name if len(siblings) == 1 else None


def _dist(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "nobody"
