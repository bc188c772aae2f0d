"""`trunkline record`: what arrives, into a file."""

import time
from pathlib import Path
from typing import Any

import click

from trunkline.cli import logs
from trunkline.cli.meaning import opening
from trunkline.cli.options import connecting, level_option
from trunkline.config import ConnectionSettings


@click.command()
@click.argument("recording", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--count", type=click.IntRange(1), help="Stop after so many frames.")
@click.option("--seconds", type=click.FloatRange(0.1), help="Stop after so many seconds.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@connecting
@level_option
def record(
    recording: Path,
    *,
    count: int | None,
    seconds: float | None,
    force: bool,
    settings: ConnectionSettings,
    log_level: str,
) -> None:
    """Record what the server sends to FILE, with its times, until Ctrl-C.

    JSON lines; gzip if the name ends in .gz. What we send is never recorded, so no token stands in
    the file; it holds the events' content, and only you can read it.

    \b
    trunkline record monday.jsonl.gz --config trunkline.toml
    """
    import trio

    from trunkline.cli.recorder import Recorder
    from trunkline.recording import created, header

    logs.set_up("warning" if log_level == "info" else log_level)
    recorder = Recorder(count)
    started = time.monotonic()
    with created(recording, replace=force) as lines:
        lines.write(header(settings.url.display))
        trio.run(recorder.run, opening(settings), lines, seconds)
    spent = time.monotonic() - started
    if recorder.frame_count or spent > 1:
        _say_end(recording, recorder, spent)


def _say_end(recording: Path, recorder: Any, spent: float) -> None:
    gaps = f", {recorder.gap_count} gaps" if recorder.gap_count else ""
    click.echo(
        f"{recording}: {recorder.frame_count} frames in {spent:.0f} s{gaps}; "
        f"look at them with: trunkline replay {recording}",
        err=True,
    )
