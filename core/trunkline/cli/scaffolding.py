"""From the example package to one of another name: what is renamed, and what is copied.

The package is `docs/examples/plugin-package`. A wheel carries it beside this module; in a
checkout it is where it is written.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from trunkline.errors import UsageError, UserError
from trunkline.plugin.discover import is_plugin_name

SHIPPED = Path(__file__).with_name("plugin-package")
IN_CHECKOUT = Path(__file__).parents[3] / "docs" / "examples" / "plugin-package"
NOT_COPIED = {"__pycache__", ".pytest_cache", "dist"}

#: the names in the example; the topic that it follows, and its type, are the server's
_NAMES = re.compile(
    r"""acme-audit|acme_audit|AuditConfig"""
    r"""|(?<!SOURCE = ")(?<!"topic": ")(?<![a-zA-Z_])audit(?!_event)(?![a-zA-Z])"""
)


def package_name(plugin: str) -> str:
    """Return what a plugin's distribution and its folder are called; it ends in a letter or digit."""
    return f"trunkline-{re.sub('_+', '-', plugin).rstrip('-')}"


def renamed(text: str, plugin: str) -> str:
    """Return text of the example with the names of another plugin, whatever that is called."""
    package = package_name(plugin)
    names = {
        "acme-audit": package,
        "acme_audit": package.replace("-", "_"),
        "AuditConfig": f"{plugin.title().replace('_', '')}Config",
        "audit": plugin,
    }
    return _NAMES.sub(lambda found: names[found[0]], text)


def check_name(plugin: str, taken: Collection[str]) -> None:
    """Go on only with a name that a plugin can have, and that is free.

    Raises:
        UsageError: it is none; with one that would do, where that can be told.
    """
    if not is_plugin_name(plugin):
        better = re.sub(r"[^a-z0-9]+", "_", plugin.lower()).strip("_")
        hint = f"; how about `{better}`?" if is_plugin_name(better) else ""
        rule = "a lower-case letter, then up to 63 of a-z 0-9 _"
        raise UsageError(f"{ascii(plugin)[:80]} is no name for a plugin: {rule}{hint}")
    if plugin in taken:
        raise UsageError(f"there is a plugin `{plugin}` already; choose another name")


def write_package(plugin: str, parent: Path) -> list[Path]:
    """Write the package into a folder of its own in `parent`; return its files.

    Raises:
        UserError: the folder is there, or cannot be written.
    """
    folder = parent / package_name(plugin)
    source = SHIPPED if SHIPPED.is_dir() else IN_CHECKOUT
    written = []
    try:
        folder.mkdir()
        for file in _files(source):
            target = folder / renamed(str(file.relative_to(source)), plugin)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(renamed(file.read_text("utf-8"), plugin), "utf-8")
            written.append(target)
    except FileExistsError:
        raise UserError(f"{folder} is there already; nothing was written") from None
    except OSError as exc:
        raise UserError(f"{folder}: {exc.strerror}") from None
    return written


def _files(source: Path) -> Iterator[Path]:
    for path in sorted(source.rglob("*")):
        if path.is_file() and NOT_COPIED.isdisjoint(path.parts):
            yield path
