"""`python -m tests.conformance`: Autobahn's cases, with the fast lane and without it."""

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import click
import trio
from tests.conformance.echo import echo, tell
from tests.conformance.report import INDEX, Figures, read, table
from tests.conformance.suite import install, last_words, serving

from trunkline.background import background_nursery
from trunkline.errors import TransportError, UserError

LANES = {"on": True, "off": False}
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--cases", multiple=True, default=["*"], metavar="PATTERN",
    help="Only these cases, such as 9.* or 6.4.1; can be repeated.",
)  # fmt: skip
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep Autobahn's reports there; index.html leads to every case.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def conformance(cases: Sequence[str], keep: Path | None, *, as_json: bool) -> None:
    """Run the client cases of Autobahn's WebSocket test suite through the transport.

    The suite needs a Python 2.7 with pip, and is installed by the first run; the variable PYTHON2
    names the interpreter (default: python2.7). Compression (12.*, 13.*) is left out.

    Exit 0: nothing FAILED, no bad close, nothing NON-STRICT but ten cases that are known to be (a
    message with a fault close behind it). 1: more than that, or it could not be run.
    """
    began = time.monotonic()
    try:
        with TemporaryDirectory(prefix="trunkline-conformance-") as folder:
            place = Path(folder) if keep is None else keep.absolute()
            place.mkdir(parents=True, exist_ok=True)
            (place / INDEX).unlink(missing_ok=True)  # an earlier run's must not pass for ours
            lanes = trio.run(_until_signal, os.environ.get("PYTHON2") or "python2.7", cases, place)
    except (UserError, OSError) as exc:
        raise click.ClickException(str(exc)) from None
    seconds = round(time.monotonic() - began, 1)
    is_passed = all(lane.is_passed for lane in lanes.values())
    if as_json:
        found = {name: attrs.asdict(lane) for name, lane in lanes.items()}
        click.echo(json.dumps({"passed": is_passed, "seconds": seconds, "lanes": found}, indent=2))
    else:
        bar = "0 FAILED, 0 bad closes, NON-STRICT only where it is known"
        click.echo(
            f"{table(lanes)}\n{'passed' if is_passed else 'not passed'} ({bar}), {seconds} s"
        )
    sys.exit(not is_passed)


async def _until_signal(python2: str, cases: Sequence[str], folder: Path) -> dict[str, Figures]:
    """Run everything; a signal unwinds it in order, so that no process and no file is left."""
    with trio.open_signal_receiver(*ENDING) as signals:
        async with background_nursery() as nursery:
            received: list[int] = []

            async def watch() -> None:
                async for number in signals:
                    received.append(number)
                    nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            return await _run(python2, cases, folder)
    sys.exit(128 + received[0])


async def _run(python2: str, cases: Sequence[str], folder: Path) -> dict[str, Figures]:
    await install(python2)
    async with serving(python2, cases, folder) as (url, count):
        try:
            for lane, fast_lane in LANES.items():
                for number in range(1, count + 1):
                    _show(f"lane {lane}: case {number} of {count}")
                    case = f"{url}/runCase?case={number}&agent={_agent(lane)}"
                    await echo(case, fast_lane=fast_lane)
            _show("Autobahn writes its report")
            await tell(f"{url}/updateReports?agent={_agent(lane)}")  # of every agent
        except TransportError as exc:
            raise UserError(f"Autobahn's server is gone: {exc}\n{last_words(folder)}") from None
        finally:
            _show("")
        return {lane: read(folder, _agent(lane), count) for lane in LANES}


def _agent(lane: str) -> str:
    return f"trunkline-lane-{lane}"


def _show(text: str) -> None:
    """Replace the line of progress, for whoever is watching."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", nl=False, err=True)


if __name__ == "__main__":
    conformance(prog_name="python -m tests.conformance")
