"""`trunkline replay`: recorded traffic through the route table, or into a host."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from trunkline.cli import FAILED, OK, logs
from trunkline.cli.loading import loading
from trunkline.cli.meaning import DEFAULT_FILE, config_if_any
from trunkline.cli.options import json_option, level_option, watch_option


@click.command()
@click.argument("recording", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration whose table it meets (default: trunkline.toml, where there is one).",
)
@click.option(
    "--expect",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Compare with what `replay --json` printed before; exit 1 if anything differs.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0),
    metavar="N",
    help="Feed a host instead: plugins run, N times as fast as recorded; 0 is without waiting.",
)
@watch_option
@json_option
@level_option
def replay(
    recording: Path,
    *,
    file: Path | None,
    expect: Path | None,
    speed: float | None,
    watch: bool,
    as_json: bool,
    log_level: str,
) -> int | None:
    """Show what a configuration makes of the recording FILE; nothing is connected or sent.

    Prints for each frame its topic, what the filters did and who would get it. --expect turns
    that into a test of a configuration; --speed runs its plugins on the recording, and with --watch
    does so again after each change of them.

    \b
    trunkline replay monday.jsonl.gz --json > expected.jsonl
    trunkline replay monday.jsonl.gz --expect expected.jsonl
    trunkline replay monday.jsonl.gz --speed 60 --watch
    """
    if speed is not None and (expect or as_json):
        raise click.UsageError("--speed runs a host, which prints nothing; leave out the others")
    if watch:
        if speed is None:
            raise click.UsageError("--watch goes with --speed N")
        return _watch(recording, file or DEFAULT_FILE, speed, log_level)
    config = config_if_any(file)
    logs.set_up(log_level)
    if speed is not None:
        _feed(config, recording, speed)
        return OK
    ways = _ways(config, recording)
    if expect is not None:
        return _compare(ways, expect)
    for way in ways:
        click.echo(_json(way) if as_json else _text(way))
    return OK


def _ways(config: Any, recording: Path) -> Iterator[dict[str, Any]]:
    import random

    from trunkline.cli.replaying import ways
    from trunkline.host import Host

    chance = random.Random(0)  # noqa: S311 - so that sampling filters choose the same each time
    with loading():
        host = Host(_offline(config), rng=chance)
    return ways(host, recording)


def _feed(config: Any, recording: Path, speed: float) -> None:
    import trio

    from trunkline.cli.replaying import feeding
    from trunkline.host import Host

    trio.run(Host(_offline(config), feed=feeding(recording, speed)).run)


def _watch(recording: Path, file: Path, speed: float, log_level: str) -> int:
    from trunkline.cli.judging import Plan
    from trunkline.cli.watching import watch_host

    words = ["replay", str(recording), "--config", str(file), "--speed", str(speed)]
    return watch_host(Plan([*words, "--log-level", log_level], file))


def _offline(config: Any) -> Any:
    """Return the configuration for a host beside the real one: no door, and nobody's activity."""
    import attrs

    from trunkline.config import IN_MEMORY

    return attrs.evolve(
        config,
        path=None,
        host=attrs.evolve(config.host, http=None),
        activity=attrs.evolve(config.activity, enabled=False, path=IN_MEMORY),
    )


def _compare(ways: Iterator[dict[str, Any]], expect: Path) -> int:
    """Print a difference as `diff -u` does; 1 if there is one."""
    import difflib

    from trunkline.errors import UserError

    try:
        wanted = expect.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise UserError(f"{expect} cannot be read: {exc}") from exc
    if wanted and not wanted[0].startswith("{"):
        raise UserError(f"{expect} is not what `trunkline replay --json` prints")
    found = [_json(way) for way in ways]
    lines = list(difflib.unified_diff(wanted, found, str(expect), "replayed", lineterm="", n=1))
    for line in lines:
        click.echo(line)
    if lines:
        click.echo(f"{expect}: not what the recording meets now", err=True)
        return FAILED
    click.echo(f"{expect}: {len(found)} lines, as expected", err=True)
    return OK


def _json(way: dict[str, Any]) -> str:
    import orjson

    return orjson.dumps(way).decode()


def _text(way: dict[str, Any]) -> str:
    from datetime import datetime

    from trunkline.text import escaped

    when = f"{datetime.fromtimestamp(way['at']).astimezone():%H:%M:%S}"
    if "gap" in way:
        return click.style(f"{when} -- gap ({way['gap']})", fg="yellow")
    if way["topic"] is None:
        return f"{when} {way['how']}"
    changes = [f"{f['name']}: {f['verdict']}" for f in way["filters"] if f["verdict"] != "kept"]
    to = ", ".join(way["receivers"]) or "nobody"
    notes = f"  [{'; '.join(changes)}]" if changes else ""
    return f"{when} {way['topic']} {escaped(way['type'])}{notes} -> {to}"
