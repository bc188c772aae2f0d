"""`python -m tests.benchmarks`: everything that is measured, with its peers, in one run."""

import os
import time
from pathlib import Path

import click
from tests.benchmarks import latency, page, plot, resources, throughput
from tests.benchmarks.figures import Figures
from tests.benchmarks.processes import ROOT

SECTIONS = {
    "peers": throughput.against_peers,
    "subscriptions": throughput.against_subscriptions,
    "size": throughput.against_size,
    "tls": throughput.with_tls,
    "latency": latency.against_load,
    "steps": resources.steps,
    "memory": resources.memory,
    "recording": resources.recording,
    "start": resources.start_up,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--only",
    type=click.Choice([*SECTIONS]),
    multiple=True,
    help="These parts alone; writes nothing.",
)
@click.option("--to", type=click.Path(path_type=Path), default=ROOT / "docs", show_default=True)
def bench(only: tuple[str, ...], to: Path) -> None:
    """Measure, print, and write benchmarks.md and benchmarks.svg into the folder TO."""
    figures = Figures()
    began, load = time.perf_counter(), os.getloadavg()[0]
    for name, section in SECTIONS.items():
        if not only or name in only:
            print(name, flush=True)
            section(figures)
    seconds = time.perf_counter() - began
    for line in page.budget_table(figures):
        print(line)
    for client, why in figures.skipped.items():
        print(f"skipped: {client}: {why}")
    if not only:
        plot.write(figures, to / "benchmarks.svg")
        page.write(figures, to / "benchmarks.md", seconds, load)
        print(f"written: {to / 'benchmarks.md'}, {to / 'benchmarks.svg'}, after {seconds:.0f} s")


if __name__ == "__main__":
    bench()
