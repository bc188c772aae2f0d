"""Finds plugins without importing any: by the metadata of distributions, and by file names.

What is found can be switched off before a line of it has run. Only `Found.load` imports.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path

import attrs
from packaging.utils import canonicalize_name

from trunkline.plugin.local import load_local
from trunkline.plugin.record import Origin

GROUP = "trunkline.plugins"
OUR_DISTRIBUTION = "trunkline"
BUILTINS = "trunkline_plugins"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_ISSUE_LABELS = ("issues", "issue tracker", "bug tracker", "bugs", "bug reports", "tracker")


@attrs.frozen
class Found:
    """A plugin that is there: what can be said of it without importing it."""

    name: str
    origin: Origin
    source: str
    """What it is loaded from: `module` or `module:attribute`, or a file."""
    load: Callable[[], object]
    """Imports it and returns the module or instance; the only door to its code."""
    dist: str | None = None
    version: str | None = None
    requires_dist: tuple[str, ...] = ()
    issues_url: str | None = None

    @property
    def origin_name(self) -> str:
        """What tells it from another plugin of its name: the distribution, or the file."""
        return self.dist or self.source

    def answers_to(self, name: str) -> bool:
        """Tell whether `name` is the plugin's or its distribution's (PEP 503)."""
        return canonicalize_name(name) in {canonicalize_name(own) for own in self.names}

    @property
    def names(self) -> tuple[str, ...]:
        """The names a configuration may call it by."""
        return (self.name,) if self.dist is None else (self.name, self.dist)


def is_plugin_name(name: str) -> bool:
    """Tell whether a plugin may be called `name` (P4)."""
    return _NAME.fullmatch(name) is not None


def find_installed() -> tuple[Found, ...]:
    """Return what installed distributions declare, the built-ins among them."""
    return tuple(_found(ep) for ep in entry_points(group=GROUP))


def find_local(paths: Iterable[Path]) -> tuple[Found, ...]:
    """Return the plugins at `paths`: files, packages, and what lies in directories of them."""
    files = dict.fromkeys(file for path in paths for file in _plugin_files(path))
    return tuple(_local(file) for file in files)


def found_object(name: str, plugin: object) -> Found:
    """Return a plugin that is already in memory, as an embedder or a test has it."""
    return Found(name, "path", type(plugin).__qualname__, lambda: plugin)


def _found(ep: EntryPoint) -> Found:
    dist = ep.dist
    if dist is None:  # an entry point made by hand, as a test harness may
        return Found(ep.name, "entry_point", ep.value, ep.load)
    is_ours = canonicalize_name(dist.name or "") == OUR_DISTRIBUTION
    is_builtin = is_ours and ep.value.partition(".")[0] == BUILTINS
    return Found(
        name=ep.name,
        origin="builtin" if is_builtin else "entry_point",
        source=ep.value,
        load=ep.load,
        dist=dist.name,
        version=dist.version,
        requires_dist=tuple(dist.requires or ()),
        issues_url=_issues_url(dist),
    )


def _issues_url(dist: Distribution) -> str | None:
    for entry in dist.metadata.get_all("Project-URL") or ():
        label, _, url = str(entry).partition(",")
        if label.strip().lower() in _ISSUE_LABELS:
            return url.strip()
    return None


def _plugin_files(path: Path) -> Iterator[Path]:
    """Yield the file to load for each plugin at `path`; a leading `_` or `.` hides one."""
    if path.suffix == ".py":
        yield path
    elif (path / "__init__.py").is_file():
        yield path / "__init__.py"
    else:
        for entry in sorted(path.iterdir()):
            is_package = (entry / "__init__.py").is_file()
            if entry.name[0] not in "_." and (entry.suffix == ".py" or is_package):
                yield from _plugin_files(entry)


def _local(file: Path) -> Found:
    name = file.parent.name if file.name == "__init__.py" else file.stem
    return Found(name, "path", str(file), lambda: load_local(name, file))
