"""Imports a plugin from a file, as `trunkline_local.<name>`.

`sys.path` is not touched: a local `json.py` shadows nothing, and nothing shadows it (P4).
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from trunkline.plugin.record import LOCAL_PACKAGE


def load_local(name: str, file: Path) -> ModuleType:
    """Import `file` anew and return its module; a failed import leaves nothing behind.

    A package is given by its `__init__.py`; its own modules import each other relatively.
    """
    parent = sys.modules.setdefault(LOCAL_PACKAGE, _empty_package())
    full_name = f"{LOCAL_PACKAGE}.{name}"
    folders = [str(file.parent)] if file.name == "__init__.py" else None
    spec = spec_from_file_location(full_name, file, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be imported: not a Python file")
    _forget(full_name)
    module = module_from_spec(spec)
    sys.modules[full_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(full_name)
        raise
    setattr(parent, name, module)
    return module


def _empty_package() -> ModuleType:
    package = ModuleType(LOCAL_PACKAGE, "Plugins that were loaded from files.")
    package.__path__ = []
    return package


def _forget(full_name: str) -> None:
    """Drop a module and its submodules, so that the next import reads the files again."""
    for known in tuple(sys.modules):
        if known == full_name or known.startswith(f"{full_name}."):
            del sys.modules[known]
