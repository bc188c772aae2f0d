"""`trunkline new`: a plugin package to start from."""

from pathlib import Path

import click
import orjson

from trunkline.cli.options import json_option


@click.command()
@click.argument("name")
@json_option
def new(name: str, *, as_json: bool) -> None:
    """Write a package with a plugin called NAME into a folder of its own, here.

    It is complete: a typed table, a topic, a handler, a task, tests that pass, a file for CI.
    Nothing is overwritten.

    \b
    trunkline new price_alert
    """
    from trunkline.cli.scaffolding import check_name, package_name, write_package
    from trunkline.plugin.discover import find_installed

    check_name(name, {found.name for found in find_installed()})
    files = write_package(name, Path())
    folder = package_name(name)
    if as_json:
        click.echo(orjson.dumps({"folder": folder, "files": [str(file) for file in files]}))
        return
    click.echo(f"Wrote {len(files)} files to {folder}/. Next:\n")
    click.echo(f"  cd {folder}")
    click.echo('  python -m pip install -e ".[test]"')
    click.echo("  python -m pytest")
    click.echo("  trunkline simulate        # a server, in another terminal")
    click.echo("  export TRUNKLINE_TOKEN=demo-token")
    click.echo("  trunkline run --watch     # the host of trunkline.toml, with the plugin")
