"""The one thing that is remembered between runs: a random id, so that visits can be told apart."""

import os
from pathlib import Path
from uuid import UUID, uuid4

FILE = "visitor-id"


def visitor_id(directory: Path | None) -> str:
    """Return the id kept in `directory`, made there if need be; a fresh one without a directory.

    A directory that cannot be written gives a fresh one too: nobody's host fails for this.
    """
    if directory is None:
        return str(uuid4())
    path = directory / FILE
    try:
        return str(UUID(path.read_text().strip()))
    except (OSError, ValueError):
        return _keep(path, str(uuid4()))


def _keep(path: Path, made: str) -> str:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(made + "\n")
    except OSError:
        return made
    return made
