"""The one thing that is remembered between runs: a random id, so that visits can be told apart."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from trunkline.config import Endpoint

FILE = "visitor-id"


def introduced(endpoint: Endpoint, visitor: str | None) -> Endpoint:
    """Return the URL of the upgrade, which says who comes (SV2); without an id, as it was."""
    if visitor is None:
        return endpoint
    fingerprint = hashlib.sha256(visitor.encode()).hexdigest()[:32]
    return endpoint.with_query(visitor_id=visitor, fingerprint=fingerprint)


def visitor_id(directory: Path | None) -> str:
    """Return the id kept in `directory`; a fresh one where there is none. Writes nothing."""
    kept = None if directory is None else _kept(directory / FILE)
    return kept or str(uuid4())


def keep_visitor_id(directory: Path, visitor: str) -> None:
    """Keep the id in `directory`, which is made if need be, for the next run.

    A directory that cannot be written is no reason for a host to fail.
    """
    path = directory / FILE
    if _kept(path) == visitor:
        return
    with suppress(OSError):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o600), "w") as file:
            file.write(visitor + "\n")


def _kept(path: Path) -> str | None:
    try:
        return str(UUID(path.read_text().strip()))
    except (OSError, ValueError):
        return None
