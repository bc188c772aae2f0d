"""Pure: in which order plugins load, and in which order their rules are asked (P24).

Never `sys.path`, never the order of installation: the same plugins give the same order on
every computer.
"""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from heapq import heappop, heappush

import attrs


@attrs.frozen
class Needs:
    """What one plugin says about others."""

    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@attrs.frozen
class LoadOrder:
    """The order, and why some plugins have no place in it."""

    names: tuple[str, ...]
    refused: Mapping[str, str]
    """{plugin: reason}"""


def load_order(needs: Mapping[str, Needs]) -> LoadOrder:
    """Order plugins so that each comes behind what it requires and follows; ties by name.

    A name in `after` that is not among them is ignored; one in `requires` is a reason to refuse,
    and so is a place in a cycle, and so is requiring a plugin that was refused.
    """
    refused: dict[str, str] = {}
    while True:
        refused |= _without_requirement(needs, refused)
        alive = {name: need for name, need in needs.items() if name not in refused}
        try:
            return LoadOrder(_sorted(alive), refused)
        except CycleError as exc:
            cycle = exc.args[1]  # [first, ..., first], each followed by one that needs it
            shown = " -> ".join(reversed(cycle))
            refused |= dict.fromkeys(cycle, f"`requires` and `after` form a circle: {shown}")


def _without_requirement(needs: Mapping[str, Needs], refused: Mapping[str, str]) -> dict[str, str]:
    """Return the plugins that cannot load for want of another, and of those, and so on."""
    missing: dict[str, str] = {}
    while True:
        gone = refused.keys() | missing.keys()
        more = {
            name: f"it requires `{lacking}`, which is not loaded"
            for name, need in needs.items()
            if name not in gone
            for lacking in need.requires
            if lacking not in needs or lacking in gone
        }
        if not more:
            return missing
        missing |= more


def _sorted(needs: Mapping[str, Needs]) -> tuple[str, ...]:
    sorter = TopologicalSorter(
        {
            name: [*need.requires, *(other for other in need.after if other in needs)]
            for name, need in needs.items()
        }
    )
    sorter.prepare()
    order: list[str] = []
    ready: list[str] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heappush(ready, name)
        order.append(heappop(ready))
        sorter.done(order[-1])
    return tuple(order)


def arrange(names: Sequence[str], order: Iterable[str]) -> tuple[str, ...]:
    """Put rules, by full name (`plugin.name`), into the order of `[plugins] order`.

    `*` stands for all that `order` does not name, as they come; without it they come last.
    """
    wished = [*order]
    if "*" not in wished:
        wished.append("*")
    named = set(wished)
    rest = [name for name in names if name not in named]
    arranged: list[str] = []
    for name in dict.fromkeys(wished):
        arranged += rest if name == "*" else [name] * (name in names)
    return tuple(arranged)
