"""How the store fails: each exception of SQLite and the system to one that says who has to act."""

import sqlite3

from trunkline.errors import OutboxDamaged, OutboxLocked, OutboxUnavailable

__all__ = ["OutboxDamaged", "OutboxLocked", "OutboxUnavailable", "failure"]

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def failure(exc: sqlite3.Error | OSError) -> OutboxDamaged | OutboxUnavailable:
    """Return what a failed step means: the file is damaged, or it does not work just now."""
    code = getattr(exc, "sqlite_errorcode", None)  # none where the module itself refuses
    if code is not None and code & 0xFF in _DAMAGED:
        return OutboxDamaged(str(exc))
    return OutboxUnavailable(str(exc))
