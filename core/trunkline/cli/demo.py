"""`trunkline demo`: the simulator, a host with the built-in plugins, and a view of both."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from trunkline.cli import logs

DROP_EVERY = 7.0  # s of the simulated day; often enough to be seen even in a short demo
FRAMES = 5  # pictures a second
PAGES = ("/flows", "/approvals", "/flows/nightly-report")
CONFIG = """\
[connection]
url = "{url}"
token = {{ file = "token" }}
backoff_max = 3.0

[plugin.approval]
audit = "decisions.jsonl"
"""


@click.command()
@click.option("--seconds", type=click.FloatRange(1), help="End by itself after so long.")
@click.option("--seed", default=7, show_default=True, help="Everything made up is drawn from it.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="How fast the simulated day goes.",
)
@click.option("--plain", is_flag=True, help="Print lines, as without a terminal.")
def demo(seconds: float | None, seed: int, speed: float, plain: bool) -> None:
    """Watch a host at work: a simulated server on loopback, a real WebSocket, all built-in plugins.

    The simulator drops the connection every few seconds; the view shows that it comes back. It
    also says how to act from a second terminal: stop an execution, approve or decline a request.
    Ctrl-C ends it.
    """
    import trio

    logs.set_up("error")
    trio.run(_demo, seconds, seed, speed, plain or not sys.stdout.isatty())


async def _demo(seconds: float | None, seed: int, speed: float, plain: bool) -> None:
    import trio

    from trunkline.cli.demo_model import DemoModel
    from trunkline.host import Host
    from trunkline.simulator import Faults, Simulator

    faults = Faults(drop_every=DROP_EVERY / speed)
    simulator = Simulator(seed=seed, scenario="demo", speed=speed, faults=faults)
    with TemporaryDirectory(prefix="trunkline-") as folder:
        async with simulator.listen(port=0) as url:
            file = _configuration(Path(folder), url)
            host = Host.from_file(file)
            model = DemoModel(url, file)
            host.router.subscribe("*", model.take, on_gap=model.take_gap)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_visit, host)
                nursery.start_soon(_print_lines if plain else _draw, model)
                if seconds is not None:
                    nursery.start_soon(_stop_after, host, seconds)
                await host.run()
                nursery.cancel_scope.cancel()
    click.echo(model.farewell())


def _configuration(folder: Path, url: str) -> Path:
    """Write a file with which a second terminal reaches the same server, and our host's status."""
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text("demo-token")
    file = folder / "demo.toml"
    file.write_text(CONFIG.format(url=url))
    return file


async def _visit(host: Any) -> None:
    """Be the person whose activity is recorded."""
    import trio

    while True:
        for number, page in enumerate(PAGES):
            host.tracker.track_page_view(page, {"title": page.strip("/").title()})
            await trio.sleep(1.5)
            host.tracker.track_action("button.click", {"element": "button", "number": number})
            await trio.sleep(1.5)
        host.tracker.track_conversion("report.exported", 1.0)


async def _stop_after(host: Any, seconds: float) -> None:
    import trio

    await trio.sleep(seconds)
    host.stop()


async def _print_lines(model: Any) -> None:
    """Print what happens, a line each; topics in turn, so that none drowns the others."""
    import trio

    while True:
        for line in model.new_lines():
            click.echo(line)
        sys.stdout.flush()
        await trio.sleep(0.2)


async def _draw(model: Any) -> None:
    import trio
    from rich.live import Live

    from trunkline.cli.demo_view import picture

    with Live(picture(model), refresh_per_second=FRAMES, screen=True) as live:
        while True:
            await trio.sleep(1 / FRAMES)
            live.update(picture(model))
