"""Files of outboxes: with something in them, and with a page spoilt."""

import sqlite3
from pathlib import Path

from outbox_bench import NOW, row, store


def filled(path: Path, count: int = 400) -> None:
    """Leave a file with events, a dead letter and a place, not all of it in the main file."""
    outbox = store(path=path)
    outbox.append([row(f"{n}-" + "x" * 200) for n in range(count)])
    outbox.settle("p.sink", outbox.read("p.sink", 2), NOW, dead_letters={0: "no"})
    outbox.close()


def spoil(path: Path, table: str) -> None:
    """Overwrite the page on which a table begins."""
    db = sqlite3.connect(path)
    select = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
    [number] = db.execute(select, (table,)).fetchone()
    db.close()
    with path.open("r+b") as file:
        file.seek((number - 1) * 4096)
        file.write(b"\xff" * 4096)


def aside(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.iterdir() if ".corrupt-" in each.name)
