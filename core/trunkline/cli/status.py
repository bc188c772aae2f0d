"""`trunkline status`: ask a running host, over its control door."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from trunkline.cli.options import config_argument, json_option
from trunkline.cli.tables import print_table
from trunkline.errors import UserError
from trunkline.text import escaped

QUIET_PHASES = {"live", "waiting", "idle"}  # the state says as much
LOOK = 1.0  # s between two looks
COLOURS = {"connected": "green", "running": "green", "failed": "red", "blocked": "red"}


@click.command()
@config_argument
@json_option
@click.option(
    "--watch",
    is_flag=True,
    help="Show it again every second, until Ctrl-C; a restart is waited for.",
)
@click.option("--retry", is_flag=True, help="End the wait for the next attempt to connect first.")
def status(file: Path, *, as_json: bool, watch: bool, retry: bool) -> None:
    """Show state, plugins, topics and sinks of the host that runs with FILE.

    Exit 1 if no host runs with it.
    """
    from trunkline.control import ask, fetch

    if retry:
        ask(file, "/retry", method="POST")
    has_answered = False
    while True:
        report: dict[str, Any] | str
        try:
            report, has_answered = fetch(file), True
        except UserError as exc:
            if not (watch and has_answered):
                raise
            report = f"trunkline: {exc}"  # it was there; it may be starting again
        if watch and not as_json:
            click.clear()
        if isinstance(report, str):
            click.echo(report, err=True)
        else:
            _show(report, as_json=as_json, is_line=watch)
        if not watch:
            return
        time.sleep(LOOK)


def _show(report: dict[str, Any], *, as_json: bool, is_line: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(report, option=0 if is_line else orjson.OPT_INDENT_2))
    else:
        _print(report)


def _print(report: dict[str, Any]) -> None:
    _print_link(report)
    click.echo()
    print_table(
        ("plugin", "state", "errors", "note"),
        [[p["name"], p["state"], p["handler_errors"], _saying(p)] for p in report["plugins"]],
    )
    click.echo()
    print_table(("topic", "events"), sorted(report["routing"]["routed"].items()))
    if report["activity"]["sinks"]:
        click.echo()
        _print_sinks(report["activity"])
    if dropped := _dropped(report):
        click.echo()
        print_table(("dropped", "count"), sorted(dropped.items()))


def _print_link(report: dict[str, Any]) -> None:
    link = report["connection"]
    state = click.style(link["state"], fg=COLOURS.get(link["state"], "yellow"), bold=True)
    doing = "" if link["phase"] in QUIET_PHASES else f" ({link['phase']})"
    who = f" as {escaped(link['user'])}" if link["user"] else ""
    click.echo(
        f"{state}{doing}{who}, epoch {link['epoch']}, pid {report['pid']}, trunkline {report['version']}"
    )
    if link["retry_in"] is not None:
        click.echo(f"next attempt in {link['retry_in']:.0f} s; lost by {escaped(link['cause'])}")
    age = link["last_event_age"]
    click.echo(
        f"received {link['received_count']}, sent {link['sent_count']},"
        f" connects {link['connect_count']}, last event {'never' if age is None else f'{age:.0f} s ago'}"
    )
    if link["gaps"]:
        causes = ", ".join(f"{count} by {cause}" for cause, count in link["gaps"].items())
        click.echo(f"gaps {causes}; fullest mailbox {link['mailbox_used']:.0%}")


def _print_sinks(activity: dict[str, Any]) -> None:
    print_table(
        ("sink", "state", "lag", "delivered", "dead letters", "given up", "error"),
        [
            [
                s["name"],
                s["state"],
                s["waiting_count"],
                s["delivered_count"],
                s["letter_count"],
                sum(s["dropped"].values()) + s["forgotten_count"],
                s["error"],
            ]
            for s in activity["sinks"]
        ],
    )
    place = "in memory" if activity["path"] is None else escaped(activity["path"])
    click.echo(
        f"\noutbox {place}: {activity['outbox_count']} events,"
        f" {activity['outbox_bytes'] / 2**20:.1f} MiB; not stored yet {activity['inbox_count']}"
    )
    if activity["degraded"] is not None:
        click.secho(f"outbox degraded: {escaped(activity['degraded'])}", fg="red")


def _dropped(report: dict[str, Any]) -> dict[str, int]:
    """Return {where and why: how many}, of events, messages and records alike."""
    activity = report["activity"]
    events = {f"{d['where']}: {d['reason']}": d["count"] for d in report["routing"]["dropped"]}
    messages = {
        f"connection: {reason}": count for reason, count in report["connection"]["dropped"].items()
    }
    records = {
        f"{where}: {reason}": count
        for where, reasons in activity["dropped"].items()
        for reason, count in reasons.items()
    }
    refused = {f"tracker: {reason}": count for reason, count in activity["refused"].items()}
    return events | messages | records | refused


def _saying(plugin: dict[str, Any]) -> str:
    """Return why a plugin does not run and when it is tried again; of one that does, its note."""
    if plugin["retry_at"] is None:
        return str(plugin["reason"] or plugin["note"])
    wait = (datetime.fromisoformat(plugin["retry_at"]) - datetime.now(UTC)).total_seconds()
    return f"{plugin['reason']}; again in {max(wait, 0):.0f} s"
