"""`trunkline check`: what `run` does, up to the first connect."""

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import orjson

from trunkline.cli import BAD_CONFIG, OK, PLUGIN_MISSING
from trunkline.cli.loading import loading
from trunkline.cli.options import config_argument, disable_option, json_option
from trunkline.errors import ConfigError, RequiredPluginMissing

SHOWN_VERSIONS = ("trunkline", "trio", "trio-websocket", "pluggy", "cattrs", "orjson")


@click.command()
@config_argument
@disable_option
@json_option
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Print versions, plugins and the configuration too, secrets masked.",
)
def check(file: Path, *, safe: bool, disable: Sequence[str], as_json: bool, verbose: bool) -> int:
    """Check FILE (default: trunkline.toml) as `run` would, and print every error at once.

    Exit 0: it would run. 78: the configuration is wrong. 3: a required plugin is missing.
    """
    from trunkline.host import Host

    problems: list[dict[str, str]] = []
    code, host = OK, None
    try:
        with loading():
            host = Host.from_file(file, safe=safe, disable=disable)
    except ConfigError as exc:
        code = BAD_CONFIG
        problems = [{"where": problem.where, "cause": problem.cause} for problem in exc.problems]
    except RequiredPluginMissing as exc:
        code = PLUGIN_MISSING
        problems = [{"where": "plugins.require", "cause": line} for line in str(exc).splitlines()]
    broken = [] if host is None else [r for r in host.records if r.state.value == "failed"]
    report: dict[str, Any] = {
        "file": str(file),
        "ok": code == OK,
        "problems": problems,
        "warnings": [*(host.warnings if host else ()), *(record.failure for record in broken)],
        "failed": {record.name: record.failure for record in broken},
    }
    if verbose:
        report |= _details(host)
    if as_json:
        click.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2))
    else:
        _print(report)
    return code


def _details(host: Any) -> dict[str, Any]:
    details: dict[str, Any] = {
        "versions": {"python": platform.python_version(), **{n: version(n) for n in SHOWN_VERSIONS}}
    }
    if host is not None:
        details["plugins"] = {
            record.name: f"{record.origin} {record.source}" for record in host.records
        }
        details["config"] = host.config.masked()
    return details


def _lines(path: str, value: Any) -> Iterator[str]:
    """Write a table as one line for each value, by its dotted path."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _lines(f"{path}.{key}", inner)
    elif isinstance(value, str):
        yield f"{path}: {value}"
    else:
        yield f"{path}: {orjson.dumps(value, default=str).decode()}"


def _print(report: dict[str, Any]) -> None:
    for problem in report["problems"]:
        click.echo(f"{problem['where']}: {problem['cause']}", err=True)
    for warning in report["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    for name in ("versions", "plugins", "config"):
        if name in report:
            click.echo("\n".join(_lines(name, report[name])))
    if report["ok"]:
        click.echo(f"{report['file']}: fine")
    else:
        count = len(report["problems"])
        click.echo(f"{report['file']}: {count} problem{'s' if count > 1 else ''}", err=True)
