"""What a host is made of on disk, and whether any of it has changed.

The files are looked at, a few times a second: they are few, that works on every file system
(mounted and shared ones tell nobody of changes), and development needs no further library.
"""

from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from os.path import isdir
from pathlib import Path

from trunkline.config import load_config
from trunkline.errors import ConfigError, UsageError
from trunkline.plugin.discover import Found
from trunkline.plugin.survey import survey
from trunkline.plugin.switches import record_of

#: {file: (time of its last change in ns, bytes)}
Snapshot = Mapping[Path, tuple[int, int]]


def sources(file: Path, *, safe: bool, disable: Collection[str]) -> frozenset[Path] | None:
    """Return the configuration and the files and folders of its third-party plugins.

    Nothing is imported. None: the file is wrong, and does not say which plugins there are.
    """
    try:
        config = load_config(file)
        active = survey(config, safe=safe, disable=disable).active
    except (ConfigError, UsageError):
        return None
    code = (path for found in active if found.origin != "builtin" for path in _code_of(found))
    return frozenset({file, *config.plugins.paths, *code})


def _code_of(found: Found) -> Iterator[Path]:
    """Yield where a plugin's package or module lies."""
    if found.origin == "path":
        path = Path(found.source)
        yield path.parent if path.name == "__init__.py" else path
        return
    try:
        spec = find_spec(record_of(found).package)
    except (ImportError, ValueError):
        return
    if spec is not None and spec.submodule_search_locations:
        yield from map(Path, spec.submodule_search_locations)
    elif spec is not None and spec.origin is not None:
        yield Path(spec.origin)


def snapshot(paths: Collection[Path]) -> Snapshot:
    """Look at the files, and at the Python files of the folders; what is not there is left out."""
    seen: dict[Path, tuple[int, int]] = {}
    for path in paths:
        is_folder = isdir(path)  # false, too, where nobody may look
        for file in path.rglob("*.py") if is_folder else (path,):
            try:
                stat = file.stat()
            except OSError:  # removed, or on its way
                continue
            seen[file] = (stat.st_mtime_ns, stat.st_size)
    return seen


def changed(before: Snapshot, now: Snapshot) -> list[Path]:
    """Return the files that are new, gone, or different, sorted."""
    return sorted(path for path in {*before, *now} if before.get(path) != now.get(path))


def carried_over(before: Snapshot, now: Snapshot) -> Snapshot:
    """Return a snapshot of the files of `now`, as old as `before` where that has them.

    So a change is not missed that came while other files were chosen to be looked at.
    """
    return {path: before.get(path, stamp) for path, stamp in now.items()}
