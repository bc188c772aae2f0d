"""`trunkline simulate`: the simulator alone."""

from typing import Any

import click

from trunkline.cli import logs
from trunkline.cli.options import level_option


@click.command()
@click.option(
    "--port",
    default=8765,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="On 127.0.0.1; 0 takes a free one.",
)
@click.option("--seed", default=0, show_default=True, help="Everything made up is drawn from it.")
@click.option(
    "--scenario",
    default="demo",
    show_default=True,
    help="What happens: demo, flows, approvals, news, ...",
)
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.01),
    help="How much faster than written.",
)
@click.option(
    "--drop-every",
    type=click.FloatRange(0.05),
    help="End every socket without a close frame, each so many seconds.",
)
@click.option(
    "--restart-every",
    type=click.FloatRange(0.05),
    help="Close with 1012 and be away for 3 s, each so many seconds.",
)
@click.option(
    "--malformed",
    "malformed_every",
    type=click.FloatRange(0.01),
    help="Send a broken frame, each so many seconds.",
)
@click.option(
    "--half-open",
    "half_open_after",
    type=click.FloatRange(0),
    help="Fall silent so many seconds after a connection began.",
)
@click.option(
    "--slow", default=0.0, type=click.FloatRange(0), help="Delay everything by so many seconds."
)
@click.option("--refuse-tokens", is_flag=True, help="Refuse every token.")
@click.option(
    "--fault", "plan", metavar="PLAN", help="Faults of the stream, such as cut@1000b,stall:in@5s."
)
@level_option
def simulate(
    port: int,
    seed: int,
    scenario: str,
    speed: float,
    plan: str | None,
    log_level: str,
    **faults: Any,
) -> None:
    """Run the simulator on loopback, until Ctrl-C.

    The token `demo-token` is alice's. Everything is made up; no server, account or key is needed.
    """
    import trio

    from trunkline.simulator import Faults, Plan, Simulator

    logs.set_up(log_level)
    faults["plan"] = Plan() if plan is None else Plan.parse(plan, seed)
    trio.run(
        _simulate,
        lambda: Simulator(seed=seed, scenario=scenario, speed=speed, faults=Faults(**faults)),
        port,
    )


async def _simulate(make: Any, port: int) -> None:
    import signal

    import trio

    from trunkline.errors import UserError

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        try:
            async with make().listen(port=port) as url:
                click.echo(f"listening on {url}\n")
                click.echo("  export TRUNKLINE_TOKEN=demo-token")
                click.echo(f"  trunkline tail '*' --url {url} --token-env TRUNKLINE_TOKEN", nl=True)
                async for _ in signals:
                    return
        except OSError as exc:
            raise UserError(
                f"port {port} cannot be used: {exc.strerror or exc}; choose another with --port"
            ) from exc
