"""Tables for people: aligned columns, nothing that a terminal would obey."""

from collections.abc import Sequence

import click

from trunkline.text import escaped


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under their headings; the last column takes what is left of the line."""
    cells = [[escaped(cell) for cell in row] for row in rows]
    widths = [
        max(len(column), *(len(row[n]) for row in cells), 0) for n, column in enumerate(columns)
    ]
    for line in ([column.upper() for column in columns], *cells):
        click.echo(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )
