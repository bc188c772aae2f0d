"""`python -m tests.soak`: load, and a random fault every half minute; every loss accounted for."""

import json
import secrets
import sys
from collections import Counter
from pathlib import Path
from tempfile import mkdtemp

import attrs
import click
import trio
from tests.soak.soaking import Soak

from trunkline.simulator.ledger import BrokenPromise


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--minutes", type=click.FloatRange(0.5), default=10, show_default=True)
@click.option("--seed", type=int, help="Repeat a soak; drawn and printed by default.")
@click.option(
    "--rate", type=click.IntRange(1), default=500, show_default=True, help="Events a second."
)
@click.option(
    "--every", type=click.FloatRange(2), default=30, show_default=True, help="Seconds for a fault."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def soak(minutes: float, seed: int | None, rate: int, every: float, *, as_json: bool) -> None:
    """Run a host for MINUTES under load, with a random fault in every half minute.

    Exit 0: no event lost outside a gap, none twice, no command twice; memory, descriptors and
    threads flat after a warm-up. 1: a promise was broken; the history that shows it is printed,
    and the files are kept.
    """
    seed = secrets.randbelow(1 << 30) if seed is None else seed
    folder = Path(mkdtemp(prefix="trunkline-soak-"))
    click.echo(f"seed {seed}, files in {folder}", err=True)
    run = Soak(seed=seed, folder=folder, rate=rate, every=every, show=_show)
    try:
        trio.run(run.run, minutes * 60)
    except* BrokenPromise as group:
        _show("")
        click.echo(f"broken after {run.report.windows} windows: {run.last_fault}", err=True)
        click.echo(str(group.exceptions[0]), err=True)
        sys.exit(1)
    except* KeyboardInterrupt:
        click.echo("\nstopped early; so far:", err=True)
    _show("")
    report = run.report
    if as_json:
        figures = attrs.asdict(report, filter=_is_figure)
        verdict = {"is_judged": report.is_judged, "is_flat": report.is_flat}
        click.echo(json.dumps({"seed": seed, **figures, **verdict}, indent=2))
    else:
        click.echo(report.text())
    sys.exit(not report.is_flat)


def _is_figure(field: "attrs.Attribute[object]", value: object) -> bool:
    return field.name != "usage" and isinstance(value, int | float | str | Counter | list)


def _show(text: str) -> None:
    """Replace the line of progress, for whoever is watching."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", nl=False, err=True)


if __name__ == "__main__":
    soak(prog_name="python -m tests.soak")
