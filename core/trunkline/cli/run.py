"""`trunkline run`: the host, until a signal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trunkline.cli import logs
from trunkline.cli.options import (
    config_argument,
    disable_option,
    level_option,
    switches,
    watch_option,
)

if TYPE_CHECKING:
    from trunkline.host import Host

BUSY = {"running", "waiting"}  # states of a plugin that has not ended


@click.command()
@config_argument
@disable_option
@level_option
@click.option(
    "--log-json/--log-text",
    "log_json",
    default=None,
    help="JSON lines or text; default: text on a terminal.",
)
@watch_option
def run(
    file: Path,
    *,
    safe: bool,
    disable: Sequence[str],
    log_level: str,
    log_json: bool | None,
    watch: bool,
) -> int | None:
    """Run the host with the configuration FILE (default: trunkline.toml).

    SIGINT, SIGTERM and SIGHUP stop it in order, exit 0; a second signal at once, exit 1.
    """
    if watch:
        from trunkline.cli.judging import Plan
        from trunkline.cli.watching import watch_host

        words = ["run", str(file), *switches(safe=safe, disable=disable), "--log-level", log_level]
        words += [] if log_json is None else ["--log-json" if log_json else "--log-text"]
        return watch_host(Plan(words, file, safe=safe, disable=disable))
    _run(file, safe=safe, disable=disable, log_level=log_level, log_json=log_json)
    return None


def _run(
    file: Path, *, safe: bool, disable: Sequence[str], log_level: str, log_json: bool | None
) -> None:
    import logging
    from functools import partial

    import trio

    from trunkline.cli.last_resort import LastResort
    from trunkline.cli.signals import finishing, stopping_early
    from trunkline.host import Host

    logs.set_up(log_level, as_json=log_json)
    host: Host | None = None
    resort = LastResort(lambda: _busy(host))
    leave_if_asked = stopping_early(resort.arm)
    host = Host.from_file(file, safe=safe, disable=disable)
    leave_if_asked()
    logger = logging.getLogger("trunkline.cli")
    for warning in host.warnings:
        logger.warning("config.warning", extra={"reason": warning})
    for record in host.records:
        about = {"plugin": record.name, "origin": record.origin, "source": record.source}
        if record.state.value == "waiting":
            logger.info("plugin.loaded", extra=about)
        else:
            logger.info("plugin.off", extra={**about, "reason": record.reason})
    with finishing(host.stop):
        try:
            trio.run(partial(host.run, on_stop=resort.arm))
        finally:
            resort.disarm()


def _busy(host: "Host | None") -> list[str]:
    """Return the plugins that have not ended; before there is a host one is being imported."""
    if host is None:
        return ["(being imported)"]
    return [record.name for record in host.records if record.state.value in BUSY]
