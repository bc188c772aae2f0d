"""Where the control socket of a host lies: one for each config file, so two hosts never share one."""

import hashlib
import os
import tempfile
from pathlib import Path


def runtime_directory() -> Path:
    """Return the directory of the control sockets; it need not exist yet."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base:
        return Path(base) / "trunkline"
    return Path(tempfile.gettempdir()) / f"trunkline-{os.getuid()}"


def socket_path(config_file: Path) -> Path:
    """Return where the host that was started with `config_file` listens."""
    name = hashlib.sha256(str(config_file.resolve()).encode()).hexdigest()[:16]
    return runtime_directory() / f"{name}.sock"
